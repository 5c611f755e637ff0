# SPDX-License-Identifier: Apache-2.0
"""The result document as text for a terminal and as Markdown for the README."""

import peers_result

NAMES = {"gale": "Gale", "storm": "Storm", "flink": "Flink"}
WINS = {"per_s": "throughput", "per_cpu_s": "throughput per CPU-second", "p50_us": "p50",
        "p99_us": "p99", "cores": "CPU", "memory_mb": "peak memory", "start_ms": "start"}
FACTOR_HEADS = {"per_s": "/s", "per_cpu_s": "/CPU-s", "p50_us": "p50", "p99_us": "p99",
                "cores": "CPU", "memory_mb": "memory", "start_ms": "start"}
DASH = "–"


# ---- figures -----------------------------------------------------------------------------------

def amount(value):
    """A rate with three digits."""
    if value is None:
        return DASH
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{digits(value / size)}{unit}"
    return digits(value)


def digits(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def microseconds(value):
    if value is None:
        return DASH
    return f"{digits(value)} µs" if value < 1000 else f"{digits(value / 1000)} ms"


def milliseconds(value):
    if value is None:
        return DASH
    return f"{digits(value)} ms" if value < 1000 else f"{digits(value / 1000)} s"


def megabytes(value):
    return DASH if value is None else f"{digits(value)} MB"


def times(value):
    return DASH if value is None else f"{digits(value)}×"


def spread(row, metric):
    """(max − min) / median of the runs."""
    found = row["metrics"].get(metric)
    if not found or len(found["runs"]) < 2 or not found["median"]:
        return DASH
    return f"{(found['max'] - found['min']) / found['median'] * 100:.0f} %"


def short_line(metrics, rate):
    """One run in a line."""
    said = [f"{amount(metrics['per_s'])}/s", f"{amount(metrics['per_cpu_s'])}/CPU-s",
            f"{metrics['cores']:.2f} cores"]
    if rate:
        said += [f"p50 {microseconds(metrics.get('p50_us'))}",
                 f"p99 {microseconds(metrics.get('p99_us'))}"]
    said += [megabytes(metrics.get("memory_mb")), f"start {milliseconds(metrics.get('start_ms'))}"]
    return ", ".join(said)


def title(row):
    names = {"wordcount": "word count", "identity": "const → id → null",
             "latency": f"word count at {row['rate']} sentences/s",
             "memory": "word count, JVMs with a 256 MB heap"}
    workers = f", {row['workers']} workers" if row["workers"] > 1 else ", 1 worker"
    return names[row["bench"]] + workers


def memory(row):
    whole, daemons = (peers_result.median(row, key) for key in ("memory_mb", "daemons_mb"))
    return megabytes(whole) + (f" ({digits(daemons)} daemons)" if daemons else "")


def cells(row):
    """The figures of a row as texts."""
    def value(metric):
        return peers_result.median(row, metric)
    cores = value("cores")
    return [amount(value("per_s")), amount(value("per_cpu_s")),
            spread(row, "p50_us" if row["rate"] else "per_cpu_s"),
            DASH if cores is None else f"{cores:.2f}", microseconds(value("p50_us")),
            microseconds(value("p99_us")), memory(row), milliseconds(value("start_ms"))]


HEADS = ["workload", "guarantee", "engine", "per second", "per CPU-s", "spread", "cores", "p50",
         "p99", "peak memory", "start"]


def factors_of(result, row):
    """Gale's factors against a row of a peer; empty for Gale's own."""
    for entry in result["ratios"]:
        if entry["id"] == row["id"]:
            return entry["factors"]
    return {}


# ---- terminal ----------------------------------------------------------------------------------

def columns(rows):
    """Rows of texts, aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


def bar_value(value, bar):
    if value is None:
        return DASH
    # A share far below one reads better as a fraction.
    if bar["better"] == "lower" and value < 0.1:
        return f"1/{1 / value:.0f}"
    return f"{digits(value)}" if bar["better"] == "lower" else f"{digits(value)}×"


def bar_rows(result):
    return [["measure", "must", "aim", "is", "reached"]] + [
        [bar["measure"], ("≤ " if bar["better"] == "lower" else "≥ ") + bar_value(bar["must"], bar),
         bar_value(bar["aim"], bar), bar_value(bar["value"], bar), bar["verdict"]]
        for bar in result["bars"]]


def win_lines(result):
    """A sentence for each measure at which a peer is better than Gale."""
    rows = {row["id"]: row for row in result["results"]}
    lines = []
    for entry, metric, value in peers_result.peer_wins(result):
        row = rows[entry["id"]]
        lines.append(f"{NAMES[row['engine']]} wins: {title(row)}, {row['guarantee']}: "
                     f"{WINS[metric]}, {digits(1 / value)} times better than Gale")
    if not result["ratios"]:
        return ["Nothing was compared: it takes Gale and a peer that ran well."]
    return lines or ["No peer is better than Gale at any of these measures."]


def describe(result):
    where, versions, settings = result["machine"], result["versions"], result["settings"]
    engines = ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in versions.items())
    rows = peers_result.disturbed(result)
    noise = [f"NOT QUIET: other processes took up to "
             f"{max(row['metrics']['foreign_cores']['max'] for row in rows):.2f} cores during "
             f"{len(rows)} of {len(result['results'])} rows"] if rows else []
    return [f"commit {result['gale']['commit']}; {engines}",
            f"{where['cpu']}, {where['cores']} cores, {where['memory_mb']} MB, "
            f"{where['os']}, kernel {where['kernel']}; {result['started']}",
            f"{settings['runs']} rounds, engines in turns; medians; Gale "
            f"{settings['gale_warmup_s']:g} + {settings['gale_duration_s']:g} s, the others "
            f"{settings['jvm_warmup_s']:g} + {settings['jvm_duration_s']:g} s (warm-up + measured)"
            + ("; QUICK: these figures only show that everything works"
               if settings["quick"] else "")] + noise


def text(result):
    """The whole table for a terminal."""
    heads = HEADS + ["Gale " + head for head in FACTOR_HEADS.values()]
    rows = [heads]
    for row in result["results"]:
        if row["status"] != "ok":
            rows.append([title(row), row["guarantee"], NAMES[row["engine"]], "FAILED"]
                        + [""] * (len(heads) - 4))
            continue
        factors = factors_of(result, row)
        rows.append([title(row), row["guarantee"], NAMES[row["engine"]]] + cells(row)
                    + [times(factors[metric]) if metric in factors else ""
                       for metric in FACTOR_HEADS])
    lines = describe(result) + [""] + columns(rows)
    lines += ["", "\"Gale\" columns: how many times better Gale is than that row's engine.", ""]
    lines += columns(bar_rows(result)) + [""] + win_lines(result)
    lines += [f"{row['id']}: FAILED: {row['error']}" for row in result["results"]
              if row["status"] != "ok"]
    return "\n".join(lines)


# ---- Markdown ----------------------------------------------------------------------------------

def markdown_table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0])] + lines[1:]


def against(factors):
    """Gale's factors in one cell; a peer's win in bold."""
    said = []
    for metric, head in FACTOR_HEADS.items():
        if metric in factors:
            value = f"{times(factors[metric])} {head}"
            is_loss = factors[metric] < 1 - peers_result.EQUAL_SHARE
            said.append(f"**{value}**" if is_loss else value)
    return ", ".join(said)


def markdown(result):
    """Tables for the README."""
    rows = [HEADS + ["Gale is better by"]]
    for row in result["results"]:
        if row["status"] == "ok":
            rows.append([title(row), row["guarantee"], NAMES[row["engine"]]] + cells(row)
                        + [against(factors_of(result, row))])
        else:
            rows.append([title(row), row["guarantee"], NAMES[row["engine"]], "failed"]
                        + [""] * (len(HEADS) - 3))
    lines = markdown_table(rows) + [""] + markdown_table(bar_rows(result)) + [""]
    lines += [f"- {line}" for line in win_lines(result)] + [""]
    return "\n".join(lines + ["<sub>" + "<br>".join(describe(result)) + "</sub>", ""])
