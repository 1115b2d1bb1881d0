/* The look of a report, on screen and on paper. Its hash goes into the page's CSP. */
#pragma once

extern const char style_css[];
