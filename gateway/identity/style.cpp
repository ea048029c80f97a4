#include "gateway/identity/html.hpp"

namespace tallygate::identity {

namespace {

constexpr std::string_view sheet = R"(:root {
  color-scheme: light dark;
  --page: #f3f4f1;
  --card: #ffffff;
  --ink: #1d2521;
  --quiet: #5a655f;
  --line: #d6dcd7;
  --field: #fbfcfb;
  --accent: #14655a;
  --accent-ink: #ffffff;
  --accent-deep: #0d4d44;
  --alarm: #8f2b1b;
  --alarm-page: #fbeeea;
  --tally: #c4572e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121715;
    --card: #1b2220;
    --ink: #e8eeea;
    --quiet: #a3b0a9;
    --line: #37423d;
    --field: #141a18;
    --accent: #6fd0bd;
    --accent-ink: #0b1f1b;
    --accent-deep: #97e2d3;
    --alarm: #ffb4a2;
    --alarm-page: #3a211c;
    --tally: #f08a5d;
  }
}
* { box-sizing: border-box; }
html { font-size: 100%; }
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  padding: 1.5rem;
  background: var(--page);
  color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%;
  max-width: 27rem;
  padding: 2.25rem 2.25rem 2rem;
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 14px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 12px 32px rgb(0 0 0 / 8%);
}
.mark { width: 2.75rem; height: 2.75rem; display: block; margin: 0 0 1.1rem -.2rem; fill: none; stroke: var(--accent); stroke-width: 3; stroke-linecap: round; }
.mark .tally { stroke: var(--tally); }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
label { display: block; margin: 1rem 0 .3rem; font-weight: 600; font-size: .925rem; }
input {
  width: 100%;
  padding: .65rem .75rem;
  font: inherit;
  color: inherit;
  background: var(--field);
  border: 1px solid var(--line);
  border-radius: 8px;
}
button, .button {
  display: inline-block;
  width: 100%;
  margin: 1.5rem 0 0;
  padding: .7rem 1rem;
  font: inherit;
  font-weight: 600;
  text-align: center;
  text-decoration: none;
  color: var(--accent-ink);
  background: var(--accent);
  border: 0;
  border-radius: 8px;
  cursor: pointer;
}
button:hover, .button:hover { background: var(--accent-deep); }
a { color: var(--accent); }
a.button { color: var(--accent-ink); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.alarm {
  margin: 1rem 0;
  padding: .7rem .9rem;
  color: var(--alarm);
  background: var(--alarm-page);
  border-left: 4px solid currentcolor;
  border-radius: 6px;
}
dl { display: grid; grid-template-columns: auto 1fr; gap: .4rem 1rem; margin: 1.4rem 0 0; padding: 1.1rem 0 0; border-top: 1px solid var(--line); font-size: .925rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; }
@media (max-width: 26rem) {
  body { padding: 0; place-items: start stretch; }
  main { min-height: 100vh; border: 0; border-radius: 0; padding: 1.75rem 1.25rem; }
}
)";

}  // namespace

std::string_view style_sheet() noexcept {
  return sheet;
}

}  // namespace tallygate::identity
