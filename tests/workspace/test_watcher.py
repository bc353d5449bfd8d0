"""Changes of source files are seen; what is ignored is not."""

from __future__ import annotations

import anyio

from mcp_tracer.workspace.watcher import watching


def test_changes_come_in_batches_and_ignored_files_don_t(project):
    (project.root / "src").mkdir()
    (project.root / "dist").mkdir()
    (project.root / ".gitignore").write_text("dist/\nsrc/gen/\n")

    async def see() -> set[str]:
        seen: set[str] = set()
        async with watching(project, {".tiny": "tiny"}, quiet_s=0.05) as batches:
            with anyio.fail_after(20):
                (project.root / "dist" / "no.tiny").write_text("x")
                (project.root / "src" / "gen").mkdir()
                (project.root / "src" / "gen" / "no.tiny").write_text("x")
                (project.root / "src" / "no.txt").write_text("x")
                (project.root / "src" / "a.tiny").write_text("x")
                (project.root / "new").mkdir()
                (project.root / "new" / "b.tiny").write_text("x")
                (project.root / "top.tiny").write_text("x")
                async for batch in batches:
                    seen |= batch
                    if len(seen) >= 3:
                        return seen
        return seen

    assert anyio.run(see) == {"src/a.tiny", "new/b.tiny", "top.tiny"}
