#pragma once

#include <string_view>

namespace tallygate::cli {

/// The sample application's style sheet: one column, light and dark, readable on a phone.
inline constexpr std::string_view sample_style = R"css(:root {
  --ground: #f6f7f9; --paper: #ffffff; --ink: #1c2430; --faint: #5b6675; --line: #dfe3e9;
  --accent: #0b6e8a; --accent-soft: #e2f1f5; --good: #1c7a45; --bad: #a4342c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --paper: #1b212a; --ink: #e6eaf0; --faint: #9aa6b5; --line: #2d3642;
    --accent: #5cc0da; --accent-soft: #17323b; --good: #6fce98; --bad: #f08f86;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .4rem 1.6rem; padding: .9rem max(1.2rem, calc(50vw - 31rem));
  background: var(--paper); border-bottom: 1px solid var(--line); }
header p { margin: 0; }
.brand { font-weight: 700; font-size: 1.1rem; }
.brand span { font-weight: 400; font-size: .85rem; color: var(--faint); margin-left: .4rem; }
nav { display: flex; gap: .2rem; flex: 1; }
nav a { padding: .25rem .7rem; border-radius: .5rem; color: var(--ink); text-decoration: none; }
nav a:hover { background: var(--accent-soft); }
nav a[aria-current] { background: var(--accent-soft); color: var(--accent); font-weight: 600; }
.who { font-weight: 600; }
.who a { font-weight: 400; margin-left: .6rem; }
a { color: var(--accent); }
main { max-width: 64.4rem; margin: 0 auto; padding: 1.4rem 1.2rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .4rem 0 1.2rem; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .6rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .8rem; padding: 1.1rem 1.3rem; }
.card h2 { margin-top: 0; }
.person { display: flex; gap: 1.2rem; align-items: center; }
.person p { margin: .1rem 0; }
.initial { width: 3.6rem; height: 3.6rem; border-radius: 50%; background: var(--accent); color: var(--paper);
  display: grid; place-items: center; font-size: 1.7rem; font-weight: 700; text-transform: uppercase; flex: none; }
.name { font-size: 1.25rem; font-weight: 650; }
.faint, footer { color: var(--faint); }
.group { display: inline-block; background: var(--accent-soft); color: var(--accent); border-radius: 1rem; padding: 0 .7rem;
  font-size: .85rem; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .45rem 1rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
th[scope=row] { font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.gateway th { color: var(--accent); border-left: 3px solid var(--accent); }
pre { overflow-x: auto; font: .88rem/1.5 ui-monospace, monospace; margin: 0; }
meter { width: 9rem; }
.open { color: var(--good); } .closed { color: var(--bad); }
form { display: grid; gap: .6rem; justify-items: start; }
textarea { width: 100%; font: inherit; padding: .6rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--ground);
  color: var(--ink); }
button { font: inherit; font-weight: 600; border: 0; border-radius: .5rem; padding: .5rem 1.3rem; background: var(--accent);
  color: var(--paper); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
footer { max-width: 64.4rem; margin: 0 auto; padding: 0 1.2rem 2rem; font-size: .88rem; }
)css";

}  // namespace tallygate::cli
