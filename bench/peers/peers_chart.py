# SPDX-License-Identifier: Apache-2.0
"""The result document as one SVG: a small panel of bars for each measure that the bars name.

Each panel has its own scale from zero. The colours follow the reader's light or dark scheme, also
where the picture is shown by an <img>, as in a README.
"""

from xml.sax.saxutils import escape

import peers_result
import peers_text
from peers_result import ALO, AMO, EO

PANEL_WIDTH, PANEL_HEIGHT = 440, 130
COLUMNS, MARGIN, HEAD = 2, 20, 60
BAR_HEIGHT, BAR_STEP, BAR_LEFT, BAR_WIDTH = 18, 25, 56, 250
FOOT = 34

STYLE = """
svg { font: 13px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; --ink: #1f2328; --soft: #59636e;
  --ground: #ffffff; --track: #eef1f4; --gale: #0f8a6c; --storm: #3b76c4; --flink: #d2527f; }
@media (prefers-color-scheme: dark) { svg { --ink: #f0f6fc; --soft: #9198a1; --ground: #0d1117;
  --track: #1c232c; --gale: #2fc79f; --storm: #6ea8f2; --flink: #ef7ca4; } }
.ground { fill: var(--ground); } text { fill: var(--ink); }
.soft { fill: var(--soft); font-size: 11.5px; }
.title { font-size: 17px; font-weight: 600; } .panel { font-weight: 600; }
.track { fill: var(--track); } .gale { fill: var(--gale); } .storm { fill: var(--storm); }
.flink { fill: var(--flink); } .number { font-variant-numeric: tabular-nums; }
"""


def per_second(value):
    return peers_text.amount(value) + "/s"


def per_cpu(value):
    return peers_text.amount(value) + "/CPU-s"


# Title, what is better, metric, how a value is written, (bench, workers), guarantee by engine.
PANELS = (
    ("Word count, acked, one worker", "words per CPU-second", "per_cpu_s", per_cpu,
     ("wordcount", 1), (ALO, ALO, EO)),
    ("Word count, no guarantee, one worker", "words per CPU-second", "per_cpu_s", per_cpu,
     ("wordcount", 1), (AMO, AMO, AMO)),
    ("Word count, acked, two workers", "words per second in all", "per_s", per_second,
     ("wordcount", 2), (ALO, ALO, EO)),
    ("Word count, no guarantee, two workers", "words per second in all", "per_s", per_second,
     ("wordcount", 2), (AMO, AMO, AMO)),
    ("Constant → identity → null, acked", "tuples per CPU-second", "per_cpu_s", per_cpu,
     ("identity", 1), (ALO, ALO, None)),
    ("Constant → identity → null, no guarantee", "tuples per CPU-second", "per_cpu_s", per_cpu,
     ("identity", 1), (AMO, AMO, AMO)),
    ("Latency p50 at a fixed rate", "less is better", "p50_us", peers_text.microseconds,
     ("latency", 1), (ALO, ALO, AMO)),
    ("Latency p99 at a fixed rate", "less is better", "p99_us", peers_text.microseconds,
     ("latency", 1), (ALO, ALO, AMO)),
    ("Peak memory, word count, one worker", "all processes, 256 MB heaps, less is better",
     "memory_mb", peers_text.megabytes, ("memory", 1), (ALO, ALO, AMO)),
    ("Start to first result", "less is better", "start_ms", peers_text.milliseconds,
     ("wordcount", 1), (ALO, ALO, AMO)),
)


def panel_values(result, panel):
    """(engine, median) of the engines that have a value."""
    _, _, metric, _, work, guarantees = panel
    found = []
    for engine, guarantee in zip(("gale", "storm", "flink"), guarantees):
        row = peers_result.find(result["results"], *work, guarantee, engine)
        value = peers_result.median(row, metric)
        if value is not None:
            found.append((engine, value))
    return found


def text_at(x, y, words, kind=""):
    return f'<text x="{x}" y="{y}"' + (f' class="{kind}"' if kind else "") \
        + f">{escape(words)}</text>"


def panel_svg(panel, values, x, y):
    """One panel at a place."""
    name, note, _, written, _, _ = panel
    most = max(value for _, value in values)
    parts = [text_at(x, y + 14, name, "panel"), text_at(x, y + 31, note, "soft")]
    for number, (engine, value) in enumerate(values):
        top = y + 42 + number * BAR_STEP
        width = max(1.5, BAR_WIDTH * value / most)
        parts += [
            text_at(x, top + 13, peers_text.NAMES[engine]),
            f'<rect class="track" x="{x + BAR_LEFT}" y="{top}" width="{BAR_WIDTH}" '
            f'height="{BAR_HEIGHT}" rx="3"/>',
            f'<rect class="{engine}" x="{x + BAR_LEFT}" y="{top}" width="{width:.1f}" '
            f'height="{BAR_HEIGHT}" rx="3"/>',
            text_at(x + BAR_LEFT + BAR_WIDTH + 8, top + 13, written(value), "number")]
    return parts


def svg(result):
    """The whole picture; panels without a value of two engines at least are left out."""
    panels = [(panel, panel_values(result, panel)) for panel in PANELS]
    panels = [(panel, values) for panel, values in panels if len(values) > 1]
    lines = -(-len(panels) // COLUMNS)
    width = COLUMNS * PANEL_WIDTH + 2 * MARGIN
    height = HEAD + lines * PANEL_HEIGHT + FOOT
    versions = result["versions"]
    against = ", ".join(f"{peers_text.NAMES[name]} {versions[name]}"
                        for name in ("storm", "flink") if name in versions)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">',
             f"<title>{escape('Gale beside ' + against)}</title>", f"<style>{STYLE}</style>",
             f'<rect class="ground" width="{width}" height="{height}" rx="8"/>',
             text_at(MARGIN, 34, f"Gale beside {against}", "title")]
    for number, (panel, values) in enumerate(panels):
        parts += panel_svg(panel, values, MARGIN + number % COLUMNS * PANEL_WIDTH,
                           HEAD + number // COLUMNS * PANEL_HEIGHT)
    where = result["machine"]
    parts.append(text_at(MARGIN, height - 14, f"{where['cores']} cores of {where['cpu']}, median "
                         f"of {result['settings']['runs']}, commit {result['gale']['commit']}; "
                         "make bench-peers", "soft"))
    return "\n".join(parts + ["</svg>", ""])
