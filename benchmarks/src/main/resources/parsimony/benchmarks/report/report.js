"use strict";

(() => {
  const record = JSON.parse(document.getElementById("record").textContent);
  const dense = record.rows[0];
  const names = [...new Set(record.rows.map((row) => row.name))];

  // Seven shapes and eight colours have no common divisor, so 56 techniques differ in one or the other.
  const SHAPES = [
    "M10 1a9 9 0 1 0 0 18a9 9 0 1 0 0-18z",
    "M10 0L20 10L10 20L0 10z",
    "M10 1L20 18.5H0z",
    "M1.5 1.5H18.5V18.5H1.5z",
    "M10 19L0 1.5H20z",
    "M7 0H13V7H20V13H13V20H7V13H0V7H7z",
    "M0 1L10 7L20 1V19L10 13L0 19z",
  ];
  const COLOURS = 8;
  const shape = (name) => SHAPES[names.indexOf(name) % SHAPES.length];
  const colourVariable = (name) => `--series-${names.indexOf(name) % COLOURS}`;

  const MINUS = "\u2212";
  const fixed = (value, decimals) => (Number.isFinite(value) ? value.toFixed(decimals).replace("-", MINUS) : "\u2014");
  const megabytes = (bytes) => bytes / 1e6;
  const bitsPerByte = (row) => Number(row.quality.bitsPerByte);
  const options = (row) =>
    row.technique.startsWith(row.name + ":") ? row.technique.slice(row.name.length + 1) : row.technique;

  const PLOTS = {
    size: { axis: "Model on disk, MB", x: (row) => megabytes(row.diskBytes), lessIsBetter: true },
    decode: { axis: "Decode speed, multiple of dense", x: (row) => Number(row.decodeRatio), lessIsBetter: false },
    prefill: { axis: "Prefill speed, multiple of dense", x: (row) => Number(row.prefillRatio), lessIsBetter: false },
  };

  const hidden = new Set();
  let matching = () => true;
  let nearDense = true;

  function element(tag, text, ...children) {
    const made = document.createElement(tag);
    if (text !== null) {
      made.textContent = text;
    }
    made.append(...children);
    return made;
  }

  // ---- Plots

  /** A range of round numbers around the values, so that every tick of the axis is readable. */
  function roundRange(low, high, ticks) {
    const rough = Math.max(high - low, 1e-9) / ticks;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0));
    return {
      min: Number((Math.floor(low / step) * step).toFixed(12)),
      max: Number((Math.ceil(high / step) * step).toFixed(12)),
      step,
      decimals,
    };
  }

  const NEAR = 1.3;
  const finite = record.rows.map(bitsPerByte).filter(Number.isFinite);
  const hasFar = finite.some((value) => value > NEAR * bitsPerByte(dense));

  function qualityRange(compact) {
    const shown = nearDense ? finite.filter((value) => value <= NEAR * bitsPerByte(dense)) : finite;
    const low = Math.min(...shown);
    const spread = Math.max(Math.max(...shown) - low, 0.02 * low);
    return roundRange(Math.max(0, low - 0.08 * spread), Math.max(...shown) + 0.12 * spread, compact ? 4 : 6);
  }

  /** The points that no other point beats in both directions, from left to right. */
  function paretoFront(points, lessIsBetter) {
    const bestFirst = [...points].sort((a, b) => (lessIsBetter ? a.x - b.x : b.x - a.x) || a.y - b.y);
    const front = [];
    let lowest = Infinity;
    for (const point of bestFirst) {
      if (point.y < lowest) {
        front.push(point);
        lowest = point.y;
      }
    }
    return lessIsBetter ? front : front.reverse();
  }

  function tooltip(row, plot) {
    const numbers = [
      ["Bits per byte", fixed(bitsPerByte(row), 3)],
      ["Change", `${fixed((100 * row.quality.change) / bitsPerByte(dense), 1)} %`],
      ["On disk", `${fixed(megabytes(row.diskBytes), 1)} MB`],
      ["Bits per weight", fixed(Number(row.bitsPerWeight), 2)],
      ["Decode", `${fixed(Number(row.decodeRatio), 2)}\u00d7`],
      ["Prefill", `${fixed(Number(row.prefillRatio), 2)}\u00d7`],
    ];
    const list = element("dl", null);
    for (const [name, value] of numbers) {
      list.append(element("dt", name), element("dd", value));
    }
    const tip = element("div", null, element("strong", row.technique), list);
    tip.className = "tip";
    return tip;
  }

  function chartOption(plot, width, colours) {
    const compact = width < 520;
    const range = qualityRange(compact);
    const points = record.rows
      .map((row, index) => ({ row, index, x: plot.x(row), y: bitsPerByte(row) }))
      .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y) && !hidden.has(point.row.name));
    const front = paretoFront(points, plot.lessIsBetter);
    const onFront = new Set(front.map((point) => point.index));

    const series = names
      .filter((name) => !hidden.has(name))
      .map((name) => ({
        id: name,
        name,
        type: "scatter",
        symbol: "path://" + shape(name),
        symbolKeepAspect: true,
        symbolSize: compact ? 12 : 14,
        clip: false,
        z: 4,
        itemStyle: { color: colours(colourVariable(name)), borderColor: colours("--page"), borderWidth: 1.5 },
        emphasis: { scale: 1.6, label: { show: true } },
        label: {
          show: true,
          position: plot.lessIsBetter ? "right" : "top",
          distance: 6,
          color: colours("--soft"),
          fontSize: 11,
          formatter: ({ data }) => data.label,
        },
        labelLayout: { hideOverlap: true },
        data: points
          .filter((point) => point.row.name === name)
          .map((point) => {
            const beyond = point.y > range.max;
            const faded = !matching(point.row);
            const note = beyond ? `\u2191 ${fixed(point.y, 2)}` : onFront.has(point.index) ? options(point.row) : "";
            return {
              value: [point.x, beyond ? range.max : point.y],
              row: point.index,
              label: compact && !beyond ? "" : note.length > 26 ? note.slice(0, 25) + "\u2026" : note,
              itemStyle: {
                opacity: faded ? 0.15 : 1,
                ...(beyond && { color: colours("--page"), borderColor: colours(colourVariable(name)), borderWidth: 2 }),
              },
            };
          }),
      }));

    series.push({
      id: "front",
      type: "line",
      data: front.map((point) => [point.x, point.y]),
      step: plot.lessIsBetter ? "end" : "start",
      symbol: "none",
      silent: true,
      animation: false,
      z: 2,
      lineStyle: { color: colours("--accent"), width: 1.5, opacity: 0.55 },
      markLine: {
        silent: true,
        animation: false,
        symbol: "none",
        label: { show: false },
        lineStyle: { color: colours("--soft"), type: [2, 4], width: 1, opacity: 0.7 },
        data: [{ yAxis: bitsPerByte(dense) }, ...(plot.lessIsBetter ? [] : [{ xAxis: 1 }])],
      },
    });

    const text = { color: colours("--soft"), fontSize: 12 };
    const grid = { lineStyle: { color: colours("--line") } };
    return {
      animationDuration: 250,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 4, right: 28, top: 40, bottom: 30, containLabel: true },
      tooltip: {
        trigger: "item",
        confine: true,
        backgroundColor: colours("--raised"),
        borderColor: colours("--line"),
        padding: [10, 14],
        extraCssText: "box-shadow: 0 6px 24px rgb(0 0 0 / 14%); border-radius: 10px;",
        formatter: ({ data }) => tooltip(record.rows[data.row], plot),
      },
      xAxis: {
        type: "value",
        min: 0,
        name: plot.axis,
        nameLocation: "middle",
        nameGap: 30,
        nameTextStyle: text,
        axisLabel: text,
        axisLine: { show: true, ...grid },
        axisTick: { show: false },
        splitLine: { show: false },
        splitNumber: compact ? 4 : 6,
      },
      yAxis: {
        type: "value",
        min: range.min,
        max: range.max,
        interval: range.step,
        name: "Bits per byte",
        nameGap: 18,
        nameTextStyle: { ...text, align: "left" },
        axisLabel: { ...text, formatter: (value) => value.toFixed(range.decimals) },
        axisTick: { show: false },
        splitLine: grid,
      },
      series,
    };
  }

  const charts = [];

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colours = (variable) => style.getPropertyValue(variable).trim();
    for (const { chart, plot, node } of charts) {
      chart.setOption(chartOption(plot, node.clientWidth, colours), { notMerge: true });
    }
  }

  function emphasise(row, type) {
    for (const { chart } of charts) {
      for (const series of chart.getOption().series) {
        const dataIndex = series.id === "front" ? -1 : series.data.findIndex((item) => item.row === row);
        if (dataIndex >= 0) {
          chart.dispatchAction({ type, seriesId: series.id, dataIndex });
        }
      }
    }
  }

  function buildPlots() {
    document.getElementById("plots").hidden = false;
    for (const node of document.querySelectorAll("[data-plot]")) {
      const plot = PLOTS[node.dataset.plot];
      const chart = echarts.init(node, null, { renderer: "svg" });
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", `Bits per byte against: ${plot.axis}. The table has the same numbers.`);
      chart.on("click", ({ data }) => showRow(data.row));
      charts.push({ chart, plot, node });
      new ResizeObserver(() => {
        if (chart.getWidth() !== node.clientWidth || chart.getHeight() !== node.clientHeight) {
          chart.resize();
          draw();
        }
      }).observe(node);
    }
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", draw);
    }
    draw();
  }

  function buildLegend() {
    for (const name of names) {
      const glyph = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      glyph.setAttribute("viewBox", "0 0 20 20");
      glyph.setAttribute("aria-hidden", "true");
      path.setAttribute("d", shape(name));
      path.style.fill = `var(${colourVariable(name)})`;
      glyph.append(path);
      const button = element("button", null, glyph, name);
      button.type = "button";
      button.title = record.rows.find((row) => row.name === name).title;
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = hidden.delete(name) || !hidden.add(name);
        button.setAttribute("aria-pressed", String(shown));
        draw();
      });
      document.getElementById("legend").append(button);
    }
  }

  function buildRange() {
    const group = document.getElementById("range");
    group.hidden = !hasFar;
    for (const button of group.children) {
      button.addEventListener("click", () => {
        nearDense = button.dataset.range === "near";
        for (const other of group.children) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        draw();
      });
    }
  }

  // ---- Table

  const body = document.querySelector("tbody");
  const tableRows = [...body.rows];
  const headings = [...document.querySelectorAll("thead th")];

  function sortBy(heading) {
    const column = headings.indexOf(heading);
    const numeric = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    const order = before === null ? heading.dataset.first : before === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      if (value(a) === "" || value(b) === "") {
        return (value(a) === "") - (value(b) === ""); // What was not measured comes last in either order.
      }
      return sign * (numeric ? value(a) - value(b) : value(a).localeCompare(value(b), "en", { numeric: true }));
    };
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    body.append(...tableRows.sort(compare));
  }

  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (searched) => words.every((word) => searched.toLowerCase().includes(word));
    for (const row of tableRows) {
      row.hidden = !matches(row.dataset.search);
    }
    const shown = tableRows.filter((row) => !row.hidden).length;
    document.getElementById("count").textContent = words.length ? `${shown} of ${tableRows.length}` : "";
    matching = (row) => matches(`${row.technique} ${row.title}`);
    draw();
  }

  function showRow(index) {
    const row = tableRows.find((candidate) => candidate.dataset.row === String(index));
    tableRows.forEach((other) => other.classList.toggle("found", other === row));
    row.scrollIntoView({ block: "center" });
  }

  function buildTable() {
    for (const heading of headings) {
      heading.querySelector("button").addEventListener("click", () => sortBy(heading));
    }
    for (const row of tableRows) {
      row.addEventListener("mouseenter", () => emphasise(Number(row.dataset.row), "highlight"));
      row.addEventListener("mouseleave", () => emphasise(Number(row.dataset.row), "downplay"));
    }
    const input = document.getElementById("filter");
    input.closest("label").hidden = false;
    input.addEventListener("input", () => filter(input.value));
  }

  // ---- Taking things away

  function buildActions() {
    const copy = document.getElementById("copy");
    copy.hidden = !navigator.clipboard;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById("command").textContent);
      copy.textContent = "Copied";
    });
    const save = document.getElementById("save");
    const json = document.getElementById("record").textContent;
    save.href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
    save.download = "comparison.json";
    save.hidden = false;
  }

  buildLegend();
  buildRange();
  buildPlots();
  buildTable();
  buildActions();
})();
