"use strict";

(() => {
  const record = JSON.parse(document.getElementById("record").textContent);
  const dense = record.rows[0];
  const names = [...new Set(record.rows.map((row) => row.name))];

  const marks = seriesMarks(names);
  const { shape, colourVariable } = marks;

  const MINUS = "\u2212";
  const fixed = (value, decimals) => (Number.isFinite(value) ? value.toFixed(decimals).replace("-", MINUS) : "\u2014");
  const change = (row) => {
    const percent = Number(((100 * row.quality.change) / bitsPerByte(dense)).toFixed(1));
    return `${percent > 0 ? "+" : ""}${fixed(percent || 0, 1)} %`;
  };
  const megabytes = (bytes) => bytes / 1e6;
  const bitsPerByte = (row) => Number(row.quality.bitsPerByte);

  const PLOTS = {
    size: { axis: "Model on disk, MB", x: (row) => megabytes(Number(row.diskBytes)), lessIsBetter: true },
    decode: { axis: "Decode speed, multiple of dense", x: (row) => Number(row.decodeRatio), lessIsBetter: false },
    prefill: { axis: "Prefill speed, multiple of dense", x: (row) => Number(row.prefillRatio), lessIsBetter: false },
  };

  const hidden = new Set();
  let matching = () => true;
  let nearDense = true;
  let table;

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

  const NEAR = 1.15;
  const finite = record.rows.map(bitsPerByte).filter(Number.isFinite);
  const hasFar = finite.some((value) => value > NEAR * bitsPerByte(dense));

  function qualityRange(compact) {
    const near = finite.filter((value) => value <= NEAR * bitsPerByte(dense));
    const shown = nearDense && near.length ? near : finite.length ? finite : [1];
    const low = Math.min(...shown);
    const spread = Math.max(Math.max(...shown) - low, 0.02 * low);
    return roundRange(Math.max(0, low - 0.08 * spread), Math.max(...shown) + 0.12 * spread, compact ? 4 : 6);
  }

  const LOGARITHMIC = 4;

  /** Sizes that span two octaves or more are shown by their ratios, so that small models are not crowded together. */
  function horizontalAxis(plot, points, compact) {
    const values = points.map((point) => point.x);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const plain = (value) => String(Number(value.toFixed(3)));
    if (!plot.lessIsBetter) {
      const { min, max, step } = roundRange(Math.min(low, 1) * 0.96, Math.max(high, 1) * 1.02, compact ? 4 : 6);
      return { type: "value", min, max, interval: step, axisLabel: { formatter: plain } };
    }
    if (!(low > 0 && high / low >= LOGARITHMIC)) {
      return { type: "value", min: 0, axisLabel: { formatter: plain } };
    }
    return {
      type: "log",
      logBase: 2,
      min: low * 0.72,
      max: high * 1.15,
      axisLabel: { formatter: (value) => (Math.abs(Math.log2(value) % 1) < 1e-6 ? plain(value) : "") },
    };
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
      ["Change", change(row)],
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
    const horizontal = horizontalAxis(plot, points, compact);
    const longest = compact ? 24 : 40;
    const onFront = new Set(front.map((point) => point.index));

    // The front's points lie above the others, so that none is hidden by one that it beats.
    const layers = names
      .filter((name) => !hidden.has(name))
      .flatMap((name) => [false, true].map((best) => ({ name, best })));
    const series = layers
      .map(({ name, best }) => ({
        id: `${name} ${best ? "on" : "behind"} the front`,
        name,
        type: "scatter",
        symbol: "path://" + shape(name),
        symbolKeepAspect: true,
        symbolSize: compact ? 12 : 14,
        clip: false,
        z: best ? 5 : 4,
        itemStyle: { color: colours(colourVariable(name)), borderColor: colours("--page"), borderWidth: 1.5 },
        emphasis: { scale: 1.6 },
        label: {
          show: false,
          distance: LABEL.distance,
          color: colours("--soft"),
          fontSize: LABEL.size,
          textBorderColor: colours("--page"),
          textBorderWidth: 3,
          formatter: ({ data }) => data.note,
        },
        data: points
          .filter((point) => point.row.name === name && onFront.has(point.index) === best)
          .map((point) => {
            const beyond = point.y > range.max;
            const faded = !matching(point.row);
            const named = onFront.has(point.index) || point.index === 0;
            const note = beyond ? `\u2191 ${fixed(point.y, 2)}` : named ? point.row.technique : "";
            return {
              value: [point.x, beyond ? range.max : point.y],
              row: point.index,
              beyond,
              note: note.length > longest ? note.slice(0, longest - 1) + "\u2026" : note,
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
      z: 2,
      lineStyle: { color: colours("--accent"), width: 1.5, opacity: 0.55 },
      markLine: {
        silent: true,
        z: 1,
        symbol: "none",
        precision: 12, // Otherwise the line would be drawn at the second decimal.
        label: { show: false },
        lineStyle: { color: colours("--soft"), type: [2, 4], width: 1, opacity: 0.7 },
        data: [
          ...(Number.isFinite(bitsPerByte(dense)) ? [{ yAxis: bitsPerByte(dense) }] : []),
          ...(plot.lessIsBetter ? [] : [{ xAxis: 1 }]),
        ],
      },
    });

    const text = { color: colours("--soft"), fontSize: 12 };
    const grid = { lineStyle: { color: colours("--line") } };
    return {
      animation: false,
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
        ...horizontal,
        name: plot.axis,
        nameLocation: "middle",
        nameGap: 30,
        nameTextStyle: text,
        axisLabel: { ...text, hideOverlap: true, ...horizontal.axisLabel },
        axisLine: { show: true, ...grid },
        axisTick: { show: false },
        splitLine: { show: false },
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

  const LABEL = { size: 11, distance: 5, point: 7 };
  const pencil = document.createElement("canvas").getContext("2d");

  /** Shows the labels that find a place beside their point, first where no point can be: beyond the front. */
  function placeLabels(chart, plot, series) {
    const items = series.filter((one) => one.type === "scatter").flatMap((one) => one.data);
    const width = chart.getWidth();
    const taken = items.map((item) => {
      const [x, y] = chart.convertToPixel({ gridIndex: 0 }, item.value);
      item.pixel = { x, y };
      return { left: x - LABEL.point, right: x + LABEL.point, top: y - LABEL.point, bottom: y + LABEL.point };
    });
    taken.push({ left: 0, right: 120, top: 0, bottom: 30 }); // The name of the axis stands here.
    if (Number.isFinite(bitsPerByte(dense))) {
      const level = chart.convertToPixel({ yAxisIndex: 0 }, bitsPerByte(dense)); // The dotted line would strike a label through.
      taken.push({ left: 0, right: width, top: level - 1, bottom: level + 1 });
    }
    pencil.font = `${LABEL.size}px ${getComputedStyle(document.body).fontFamily}`;
    const sides = plot.lessIsBetter ? ["left", "bottom", "top", "right"] : ["right", "bottom", "top", "left"];
    for (const item of items.filter((one) => one.note).sort((a, b) => b.beyond - a.beyond)) {
      const length = pencil.measureText(item.note).width + 4;
      const half = LABEL.size / 2 + 1;
      const away = LABEL.point + LABEL.distance;
      const { x, y } = item.pixel;
      const boxes = {
        left: { left: x - away - length, right: x - away, top: y - half, bottom: y + half },
        right: { left: x + away, right: x + away + length, top: y - half, bottom: y + half },
        top: { left: x - length / 2, right: x + length / 2, top: y - away - 2 * half, bottom: y - away },
        bottom: { left: x - length / 2, right: x + length / 2, top: y + away, bottom: y + away + 2 * half },
      };
      const margin = chart.convertToPixel({ xAxisIndex: 0 }, chart.getOption().xAxis[0].min ?? 0);
      const floor = chart.convertToPixel({ yAxisIndex: 0 }, chart.getOption().yAxis[0].min);
      const position = (item.beyond ? ["top"] : sides).find((side) => {
        const box = boxes[side];
        return (
          box.left >= margin && box.right <= width && box.bottom <= floor &&
          !taken.some((t) => t.left < box.right && box.left < t.right && t.top < box.bottom && box.top < t.bottom)
        );
      });
      if (position) {
        item.label = { show: true, position };
        taken.push(boxes[position]);
      }
    }
  }

  const charts = [];

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colours = (variable) => style.getPropertyValue(variable).trim();
    for (const { chart, plot } of charts) {
      const option = chartOption(plot, chart.getWidth(), colours);
      chart.setOption(option, { notMerge: true });
      placeLabels(chart, plot, option.series);
      chart.setOption({ series: option.series });
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

  const PAPER = { width: 640, height: 300 };

  function buildPlots() {
    document.getElementById("plots").hidden = false;
    for (const node of document.querySelectorAll("[data-plot]")) {
      const plot = PLOTS[node.dataset.plot];
      const chart = echarts.init(node, null, { renderer: "svg" });
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", `Bits per byte against: ${plot.axis}. The table has the same numbers.`);
      chart.on("click", ({ data }) => table.show(data.row));
      charts.push({ chart, plot, node });
      new ResizeObserver(() => {
        if (chart.getWidth() !== node.clientWidth || chart.getHeight() !== node.clientHeight) {
          chart.resize();
          draw();
        }
      }).observe(node);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    matchMedia("print").addEventListener("change", ({ matches }) => {
      for (const { chart } of charts) {
        chart.resize(matches ? PAPER : { width: "auto", height: "auto" });
      }
      draw();
    });
    draw();
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

  buildLegend(names, marks, hidden, (name) => record.rows.find((row) => row.name === name).title, draw);
  buildRange();
  buildPlots();
  table = recordTable({
    filtered: (matches) => {
      matching = (row) => matches(`${row.technique} ${row.title}`);
      draw();
    },
    entered: (row) => emphasise(row, "highlight"),
    left: (row) => emphasise(row, "downplay"),
    file: "comparison.json",
  });
})();
