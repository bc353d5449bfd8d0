"""Every operation, one file each; this list is the registration."""

from __future__ import annotations

from typing import Any

from mcp_tracer.service.operation import Operation
from mcp_tracer.service.operations.approvals import LIST_APPROVALS
from mcp_tracer.service.operations.compare import COMPARE
from mcp_tracer.service.operations.configure import CONFIGURE_TRACING
from mcp_tracer.service.operations.errors import FIND_ERRORS
from mcp_tracer.service.operations.export_trace import EXPORT_TRACE
from mcp_tracer.service.operations.find_value import FIND_VALUE
from mcp_tracer.service.operations.flow import GET_FLOW
from mcp_tracer.service.operations.function_traces import GET_FUNCTION_TRACES
from mcp_tracer.service.operations.get_config import GET_CONFIG
from mcp_tracer.service.operations.get_trace import GET_TRACE
from mcp_tracer.service.operations.history import GET_HISTORY
from mcp_tracer.service.operations.hotspots import GET_HOTSPOTS
from mcp_tracer.service.operations.inspect_span import INSPECT_SPAN
from mcp_tracer.service.operations.instrument import INSTRUMENT_FILES
from mcp_tracer.service.operations.patterns import FIND_PATTERNS
from mcp_tracer.service.operations.query_sql import QUERY_SQL
from mcp_tracer.service.operations.runs import LIST_RUNS
from mcp_tracer.service.operations.search import SEARCH_TRACES
from mcp_tracer.service.operations.slow import FIND_SLOW
from mcp_tracer.service.operations.stats import GET_STATS
from mcp_tracer.service.operations.status import GET_STATUS
from mcp_tracer.service.operations.uninstrument import UNINSTRUMENT_FILES

OPERATIONS: dict[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        INSTRUMENT_FILES,
        UNINSTRUMENT_FILES,
        GET_CONFIG,
        CONFIGURE_TRACING,
        GET_STATUS,
        LIST_APPROVALS,
        LIST_RUNS,
        SEARCH_TRACES,
        GET_TRACE,
        GET_FUNCTION_TRACES,
        FIND_SLOW,
        FIND_ERRORS,
        GET_STATS,
        GET_HOTSPOTS,
        GET_FLOW,
        INSPECT_SPAN,
        QUERY_SQL,
        FIND_VALUE,
        EXPORT_TRACE,
        COMPARE,
        FIND_PATTERNS,
        GET_HISTORY,
    )
}
