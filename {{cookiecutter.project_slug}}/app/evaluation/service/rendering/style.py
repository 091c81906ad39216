"""The look of the page. Colours never speak alone: every verdict is also a mark and a word."""

STYLE = """
:root{--ink:#1c2430;--soft:#667085;--line:#e3e7ee;--paper:#fff;--back:#f4f6f9;--pass:#12805c;--fail:#c4320a;
--doubt:#b07203;
--quiet:#98a2b3;--shade:#eef1f6;--bar:#b9c6da}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#98a2b3;--line:#2c3442;--paper:#171c25;--back:#0f131a;
--pass:#3ccb97;--fail:#ff7a59;--doubt:#f0b429;--quiet:#667085;--shade:#212836;--bar:#3b4a63}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
main>header,section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:24px 28px;
margin-bottom:18px}
main>header{border-top:6px solid var(--tone)}
.pass{--tone:var(--pass)}.fail{--tone:var(--fail)}.inconclusive{--tone:var(--doubt)}.quiet{--tone:var(--quiet)}
.badge{display:inline-block;margin:0;padding:3px 14px;border-radius:99px;background:var(--tone);color:var(--paper);
font-weight:700;
letter-spacing:.04em}
h1{font-size:25px;line-height:1.25;margin:14px 0 18px}
h2{font-size:18px;margin:0 0 12px}h3{font-size:16px;margin:0}
h4{font-size:12px;margin:0 0 6px;color:var(--soft);text-transform:uppercase;letter-spacing:.06em}
dl{display:flex;flex-wrap:wrap;gap:10px 34px;margin:0}
dt{font-size:12px;color:var(--soft)}dd{margin:0;font-variant-numeric:tabular-nums}
.why{margin:0;padding:0;list-style:none}
.why li{padding:9px 0;border-top:1px solid var(--line)}.why li:first-child{border-top:0;padding-top:0}
figure{margin:0 0 14px;overflow-x:auto}figcaption{color:var(--soft);font-size:13px;max-width:76ch}
svg{display:block;width:100%;min-width:640px;height:auto;font-size:12px}
svg text{fill:var(--ink)}.label{text-anchor:end}.tick{text-anchor:middle;fill:var(--soft);font-size:11px}
.figure,td{font-variant-numeric:tabular-nums}.soft,svg .soft{color:var(--soft);fill:var(--soft)}
svg .soft{font-size:10px}
.grid{stroke:var(--line)}.zero{stroke:var(--soft)}.allowed{fill:var(--shade)}.edge{stroke:var(--quiet);
stroke-dasharray:3 2}
.interval{stroke:var(--tone);stroke-width:4;stroke-linecap:round;opacity:.45}circle{fill:var(--tone)}
.track{fill:var(--shade)}.bar{fill:var(--bar)}.before{fill:var(--paper);stroke:var(--ink);stroke-width:1.5}
.floor{stroke:var(--fail);stroke-width:2}
details{border-top:1px solid var(--line);padding:10px 0}summary{cursor:pointer;font-weight:600}
summary .harm{font-weight:400;color:var(--soft);margin-left:10px}
summary .count{margin-left:10px;color:var(--fail);font-size:13px}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px;margin-top:10px}
th{text-align:left;color:var(--soft);font-weight:600}th,td{padding:6px 10px;border-bottom:1px solid var(--line);
white-space:nowrap}
td:last-child{white-space:normal;min-width:220px}td:nth-last-child(2){color:var(--tone);font-weight:600}
article{border:1px solid var(--line);border-radius:10px;margin-top:14px;overflow:hidden}
article header{padding:14px 18px;background:var(--back)}article header p{margin:8px 0 0}
.id{font:12px ui-monospace,monospace;color:var(--soft);margin-right:8px}
.chip{display:inline-block;font-size:12px;padding:1px 9px;border:1px solid var(--line);border-radius:99px;
margin:0 6px 4px 0;
background:var(--paper);text-transform:none;letter-spacing:0}
.guard{border-color:var(--fail);color:var(--fail)}
.sides{display:grid;grid-template-columns:1fr 1fr}.side{padding:14px 18px;overflow-wrap:anywhere}
.side+.side{border-left:1px solid var(--line)}
.side p{margin:0 0 10px;white-space:pre-wrap}.side ol{margin:0;padding-left:20px;color:var(--soft);font-size:13px}
@media (max-width:700px){.sides{grid-template-columns:1fr}.side+.side{border-left:0;border-top:1px solid var(--line)}}
footer{color:var(--soft);font-size:12px;padding:0 6px}.digests{display:block}.digests div{display:flex;gap:12px}
.digests dt{min-width:70px}.digests dd{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
@media print{body{background:#fff}section,main>header{break-inside:avoid;border-color:#ccc}}
"""
