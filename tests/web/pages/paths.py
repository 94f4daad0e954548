"""Every page, for the tests that look at all of them."""

PATHS = (
    "/",
    "/alerts",
    "/rules",
    "/explore",
    "/explore?a=up&b=vector(1)&view=stacked&explain=1",
    "/explore?a=up&view=table",
    "/explore?a=sum by (le) (rate(tocsin_http_request_seconds_bucket[1m]))&view=heatmap",
    "/browse",
    "/browse?metric=up",
    "/browse/cardinality",
    "/targets",
    "/system",
    "/settings",
    "/settings/connect",
    "/settings/people",
    "/settings/me",
    "/settings/configuration",
    "/docs",
    "/ui",
)
