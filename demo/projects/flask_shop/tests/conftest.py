import pytest

from shop.app import create_app


@pytest.fixture
def client(tmp_path):
    return create_app(tmp_path / "shop.db").test_client()
