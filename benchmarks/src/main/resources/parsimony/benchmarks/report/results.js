"use strict";

/** A shape and a colour for each name. Seven shapes and eight colours have no common divisor, so 56 names differ in one or the other. */
function seriesMarks(names) {
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
  return {
    shape: (name) => SHAPES[names.indexOf(name) % SHAPES.length],
    colourVariable: (name) => `--series-${names.indexOf(name) % COLOURS}`,
  };
}

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text !== null) {
    made.textContent = text;
  }
  made.append(...children);
  return made;
}

/**
 * Makes the table of an article sort and filter.
 * @param filtered is told which rows match the filter
 * @param entered and left are told which row the pointer is on
 */
function liveTable(article, { filtered, entered, left }) {
  const body = article.querySelector("tbody");
  const rows = [...body.rows];
  const inOrder = [...rows];
  const headings = [...article.querySelectorAll("thead th")];

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
    body.append(...rows.sort(compare));
  }

  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.search.toLowerCase().includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    article.querySelector(".filter output").textContent = words.length ? `${shown} of ${rows.length}` : "";
    filtered((index) => !inOrder[index].hidden);
  }

  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => sortBy(heading));
  }
  for (const row of rows) {
    row.addEventListener("mouseenter", () => entered(Number(row.dataset.row)));
    row.addEventListener("mouseleave", () => left(Number(row.dataset.row)));
  }
  const input = article.querySelector(".filter input");
  input.closest("label").hidden = false;
  input.addEventListener("input", () => filter(input.value));

  const copy = article.querySelector(".copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(article.querySelector(".command code").textContent);
    copy.textContent = "Copied";
  });

  return {
    /** What stands in a row under a heading, without what is below it. */
    text(index, key) {
      const column = headings.findIndex((heading) => heading.dataset.key === key);
      return inOrder[index].cells[column].firstChild?.textContent ?? "";
    },
    headings: () => headings.slice(1).map((heading) => ({ key: heading.dataset.key, title: heading.textContent.trim() })),
    /** Brings a row into view and marks it. */
    show(index) {
      rows.forEach((other) => other.classList.toggle("found", other === inOrder[index]));
      inOrder[index].scrollIntoView({ block: "center" });
    },
  };
}

const MINUS = "\u2212";
const plain = (value) =>
  (Number.isInteger(value) ? value : Number(value.toPrecision(3))).toLocaleString("en").replace("-", MINUS);

/** In what the numbers along an axis are counted, the largest first. */
const MEASURES = {
  BYTES: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]],
  SECONDS: [[1, "s"], [1e-3, "ms"], [1e-6, "\u00b5s"]],
  COUNT: [[1e9, "billion"], [1e6, "million"], [1, ""]],
  SHARE: [[0.01, "%"]],
  CHANGE: [[0.01, "%"]],
  TIMES: [[1, "\u00d7"]],
};

function measureOf(unit, largest) {
  const measures = MEASURES[unit] ?? [[1, ""]];
  const [factor, name] = measures.find(([size]) => largest >= size) ?? measures.at(-1);
  return { factor, name };
}

/** A range of round numbers around the values, so that every tick of the axis is readable. */
function roundRange(low, high, ticks) {
  const rough = Math.max(high - low, 1e-9) / ticks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  return {
    min: Number((Math.floor(low / step + 1e-9) * step).toFixed(12)),
    max: Number((Math.ceil(high / step - 1e-9) * step).toFixed(12)),
    interval: step,
  };
}

/** The points that no other point beats in both directions, from left to right. */
function paretoFront(points, moreIsBetter) {
  const sideways = moreIsBetter.x ? -1 : 1;
  const upwards = moreIsBetter.y ? -1 : 1;
  const bestFirst = [...points].sort((a, b) => sideways * (a.x - b.x) || upwards * (a.y - b.y));
  const front = [];
  let best = Infinity;
  for (const point of bestFirst) {
    if (upwards * point.y < best) {
      front.push(point);
      best = upwards * point.y;
    }
  }
  return moreIsBetter.x ? front.reverse() : front;
}

const LABEL = { size: 11, distance: 5, point: 7, longest: 40, compact: 24 };
const COMPACT = 520;
const LOGARITHMIC = 4;
const NEAR = 1.15;
const pencil = document.createElement("canvas").getContext("2d");
const fontFamily = () => getComputedStyle(document.body).fontFamily;

/** Shows the labels that find a place beside their point, those of the front first where no point can be: beyond it. */
function placeLabels(chart, sides, level, series) {
  const items = series.filter((one) => one.id !== "front").flatMap((one) => one.data);
  const width = chart.getWidth();
  const taken = items.map((item) => {
    const [x, y] = chart.convertToPixel({ gridIndex: 0 }, item.value);
    item.pixel = { x, y };
    return { left: x - LABEL.point, right: x + LABEL.point, top: y - LABEL.point, bottom: y + LABEL.point };
  });
  taken.push({ left: 0, right: 120, top: 0, bottom: 30 }); // The name of the axis stands here.
  if (Number.isFinite(level)) {
    const y = chart.convertToPixel({ yAxisIndex: 0 }, level); // The dotted line would strike a label through.
    taken.push({ left: 0, right: width, top: y - 1, bottom: y + 1 });
  }
  pencil.font = `${LABEL.size}px ${fontFamily()}`;
  for (const item of items.filter((one) => one.note).sort((a, b) => b.beyond - a.beyond || b.first - a.first)) {
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
    const area = chart.getModel().getComponent("grid").coordinateSystem.getRect();
    const position = (item.beyond ? ["top"] : sides).find((side) => {
      const box = boxes[side];
      return (
        box.left >= area.x && box.right <= width && box.bottom <= area.y + area.height && box.top >= 0 &&
        !taken.some((t) => t.left < box.right && box.left < t.right && t.top < box.bottom && box.top < t.bottom)
      );
    });
    if (position) {
      item.label = { show: true, position };
      taken.push(boxes[position]);
    }
  }
}

/** Brings the article of one result to life. */
function showResult(article, record) {
  const columns = Object.fromEntries(record.columns.map((column) => [column.key, column]));
  const names = [...new Set(record.rows.map((row) => row.series))];
  const marks = seriesMarks(names);
  const hidden = new Set();
  const first = record.rows[0];
  const charts = [];
  let matching = () => true;
  let near = true;

  const valueOf = (row, key) => Number(row.values[key]);
  const shortened = (text, compact) => {
    const longest = compact ? LABEL.compact : LABEL.longest;
    return text.length > longest ? text.slice(0, longest - 1) + "\u2026" : text;
  };

  function tooltip(index) {
    const list = element("dl", null);
    for (const { key, title } of table.headings()) {
      const text = table.text(index, key);
      if (text && text !== "\u2014" && list.children.length < 20) {
        list.append(element("dt", title), element("dd", text));
      }
    }
    const tip = element("div", null, element("strong", record.rows[index].name), list);
    tip.className = "tip";
    return tip;
  }

  // ---- Axes

  function axisOf(key, logarithmic, values, ticks) {
    const column = columns[key];
    const low = Math.min(...values);
    const high = Math.max(...values);
    const measure = measureOf(column.unit, high);
    const name = measure.name && measure.name !== "\u00d7" ? `${column.title}, ${measure.name}` : column.title;
    const suffix = measure.name === "\u00d7" ? "\u00d7" : "";
    const scaled = (value) => value / measure.factor;
    const axis = { name, axisLabel: { formatter: (value) => plain(value) + suffix } };
    if (logarithmic && low > 0 && high / low >= LOGARITHMIC) {
      const logBase = high / low < 100 ? 2 : 10;
      const isPower = (value) => {
        const exponent = Math.log(value) / Math.log(logBase);
        return Math.abs(exponent - Math.round(exponent)) < 1e-6;
      };
      Object.assign(axis, { type: "log", logBase, min: scaled(low) * 0.72, max: scaled(high) * 1.2 });
      axis.axisLabel.formatter = (value) => (isPower(value) ? plain(value) + suffix : "");
    } else {
      const ends = column.unit === "TIMES" ? [Math.min(low, 1), Math.max(high, 1)] : [low, high];
      const margin = 0.06 * (ends[1] - ends[0] || Math.abs(ends[1]) || 1);
      const bottom = ends[0] >= 0 && ends[0] < 0.35 * ends[1] ? 0 : ends[0] - margin;
      Object.assign(axis, { type: "value", ...roundRange(scaled(bottom), scaled(ends[1] + margin), ticks) });
    }
    return { axis, scaled };
  }

  const isFront = (plot) => plot.kind === "FRONT";
  const level = (plot) => valueOf(first, plot.y);

  /** What lies far above the first row would press everything else together. */
  function shownHeights(plot, heights) {
    const close = heights.filter((value) => value <= NEAR * level(plot));
    return isFront(plot) && near && close.length ? close : heights;
  }

  const hasFar = record.charts.some(
    (plot) => isFront(plot) && record.rows.some((row) => valueOf(row, plot.y) > NEAR * level(plot)),
  );

  function pointsOf(plot) {
    return record.rows
      .map((row, index) => ({ row, index, x: valueOf(row, plot.x), y: valueOf(row, plot.y) }))
      .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y) && !hidden.has(point.row.series))
      .filter((point) => !((plot.logX && point.x <= 0) || (plot.logY && point.y <= 0)));
  }

  // ---- Plots

  function frame(colours) {
    return {
      animation: false,
      textStyle: { fontFamily: fontFamily() },
      grid: { left: 4, right: 28, top: 40, bottom: 30, containLabel: true },
      tooltip: {
        trigger: "item",
        confine: true,
        backgroundColor: colours("--raised"),
        borderColor: colours("--line"),
        padding: [10, 14],
        extraCssText: "box-shadow: 0 6px 24px rgb(0 0 0 / 14%); border-radius: 10px;",
        formatter: ({ data }) => tooltip(data.row),
      },
    };
  }

  function dressed(axis, colours, more) {
    const text = { color: colours("--soft"), fontSize: 12 };
    const line = { lineStyle: { color: colours("--line") } };
    return {
      nameTextStyle: text,
      axisTick: { show: false },
      axisLine: { show: true, ...line },
      splitLine: line,
      ...axis,
      ...more,
      axisLabel: { ...text, hideOverlap: true, showMinLabel: axis.type !== "log" || null, ...axis.axisLabel },
    };
  }

  function pointOption(plot, width, colours) {
    const compact = width < COMPACT;
    const points = pointsOf(plot);
    const heights = points.map((point) => point.y);
    const horizontal = axisOf(plot.x, plot.logX, points.map((point) => point.x), compact ? 4 : 6);
    const vertical = axisOf(plot.y, plot.logY, shownHeights(plot, heights), compact ? 4 : 6);
    const top = isFront(plot) ? vertical.axis.max : Infinity;
    const moreIsBetter = { x: columns[plot.x].moreIsBetter, y: columns[plot.y].moreIsBetter };
    const front = isFront(plot) ? paretoFront(points, moreIsBetter) : [];
    const onFront = new Set(front.map((point) => point.index));
    const place = (point) => [horizontal.scaled(point.x), Math.min(vertical.scaled(point.y), top)];

    function item(point, note) {
      const beyond = vertical.scaled(point.y) > top;
      const faded = !matching(point.index);
      const colour = colours(marks.colourVariable(point.row.series));
      return {
        value: place(point),
        row: point.index,
        beyond,
        first: point.index === 0 || onFront.has(point.index),
        note: shortened(beyond ? `\u2191 ${plain(vertical.scaled(point.y))}` : note, compact),
        itemStyle: {
          opacity: faded ? 0.15 : 1,
          ...(beyond && { color: colours("--page"), borderColor: colour, borderWidth: 2 }),
        },
      };
    }

    function layer(name, id, members, note, more) {
      return {
        id,
        name,
        type: "scatter",
        symbol: "path://" + marks.shape(name),
        symbolKeepAspect: true,
        symbolSize: compact ? 11 : 13,
        clip: false,
        itemStyle: { color: colours(marks.colourVariable(name)), borderColor: colours("--page"), borderWidth: 1.5 },
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
        data: members.map((point, index) => item(point, note(point, index, members))),
        ...more,
      };
    }

    const shown = names.filter((name) => !hidden.has(name));
    const of = (name) => points.filter((point) => point.row.series === name);
    let series;
    if (plot.kind === "LINES") {
      // A line joins the rows of one name, as one thing that is measured at several places; it bears its name at its end.
      series = shown.flatMap((name) =>
        [...new Set(of(name).map((point) => point.row.name))].map((set) => {
          const members = of(name).filter((point) => point.row.name === set).sort((a, b) => a.x - b.x);
          return layer(name, set, members, (point, index) => (index === members.length - 1 ? set : ""), {
            type: "line",
            lineStyle: { width: 1.5, color: colours(marks.colourVariable(name)), opacity: 0.6 },
          });
        }),
      );
    } else if (isFront(plot)) {
      // The front's points lie above the others, so that none is hidden by one that it beats.
      const note = (point) => (onFront.has(point.index) || point.index === 0 ? point.row.name : "");
      series = shown.flatMap((name) =>
        [false, true].map((best) =>
          layer(
            name,
            `${name} ${best ? "on" : "behind"} the front`,
            of(name).filter((point) => onFront.has(point.index) === best),
            note,
            { z: best ? 5 : 4 },
          ),
        ),
      );
    } else {
      series = shown.map((name) => layer(name, name, of(name), (point) => point.row.name, {}));
    }
    const lines = [
      ...(isFront(plot) && Number.isFinite(level(plot)) ? [{ yAxis: vertical.scaled(level(plot)) }] : []),
      ...(columns[plot.x].unit === "TIMES" ? [{ xAxis: 1 }] : []),
      ...(columns[plot.y].unit === "TIMES" ? [{ yAxis: 1 }] : []),
    ];
    series.push({
      id: "front",
      type: "line",
      data: front.map(place),
      step: moreIsBetter.x ? "start" : "end",
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
        data: lines,
      },
    });
    return {
      ...frame(colours),
      ...(plot.kind !== "FRONT" && { grid: { ...frame(colours).grid, right: compact ? 60 : 110 } }),
      xAxis: dressed(horizontal.axis, colours, { nameLocation: "middle", nameGap: 30, splitLine: { show: false } }),
      yAxis: dressed(vertical.axis, colours, {
        nameGap: 18,
        nameTextStyle: { color: colours("--soft"), fontSize: 12, align: "left" },
      }),
      series,
    };
  }

  const BAR = { height: 16, between: 14, around: 60 };
  const wordsOf = (row, key) => row.words[key] ?? "";

  function barOption(plot, width, colours) {
    const rows = record.rows
      .map((row, index) => ({ row, index, x: wordsOf(row, plot.x), y: valueOf(row, plot.y) }))
      .filter((bar) => Number.isFinite(bar.y) && !hidden.has(bar.row.series));
    const categories = [...new Set(rows.map((bar) => bar.x))];
    const { axis, scaled } = axisOf(plot.y, plot.logY, [0, ...rows.map((bar) => bar.y)], width < COMPACT ? 3 : 6);
    const shown = names.filter((name) => rows.some((bar) => bar.row.series === name));
    pencil.font = `12px ${fontFamily()}`;
    const widest = Math.max(0, ...categories.map((category) => pencil.measureText(category).width));
    const left = Math.min(widest + 14, 0.42 * width);
    return {
      ...frame(colours),
      grid: { left, right: 56, top: 10, bottom: 50 },
      xAxis: dressed(axis, colours, { nameLocation: "middle", nameGap: 30 }),
      yAxis: dressed({ type: "category", data: categories, inverse: true }, colours, {
        splitLine: { show: false },
        axisLabel: { width: left - 12, overflow: "truncate" },
      }),
      series: shown.map((name) => ({
        id: name,
        name,
        type: "bar",
        barMaxWidth: BAR.height,
        itemStyle: { color: colours(marks.colourVariable(name)), borderRadius: 2 },
        label: { show: true, position: "right", color: colours("--soft"), fontSize: LABEL.size, formatter: ({ data }) => data.note },
        data: rows
          .filter((bar) => bar.row.series === name)
          .map((bar) => ({
            value: [scaled(bar.y), bar.x],
            row: bar.index,
            note: table.text(bar.index, plot.y),
            itemStyle: { opacity: matching(bar.index) ? 1 : 0.15 },
          })),
      })),
    };
  }

  function barHeight(plot) {
    const rows = record.rows.filter((row) => Number.isFinite(valueOf(row, plot.y)) && !hidden.has(row.series));
    const categories = new Set(rows.map((row) => wordsOf(row, plot.x))).size;
    return rows.length * BAR.height + categories * BAR.between + BAR.around;
  }

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colours = (variable) => style.getPropertyValue(variable).trim();
    for (const { chart, plot, node } of charts) {
      if (plot.kind === "BARS") {
        node.style.height = `${barHeight(plot)}px`;
        chart.resize();
        chart.setOption(barOption(plot, chart.getWidth(), colours), { notMerge: true });
        continue;
      }
      const option = pointOption(plot, chart.getWidth(), colours);
      chart.setOption(option, { notMerge: true });
      const sides =
        plot.kind === "LINES" || columns[plot.x].moreIsBetter
          ? ["right", "bottom", "top", "left"]
          : ["left", "bottom", "top", "right"];
      const struck = isFront(plot) ? option.series.at(-1).markLine.data[0]?.yAxis : undefined;
      placeLabels(chart, plot.kind === "POINTS" ? ["right", "left", "top", "bottom"] : sides, struck, option.series);
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
    article.querySelector(".plots").hidden = record.charts.length === 0;
    article.querySelectorAll("[data-plot]").forEach((node, index) => {
      const plot = record.charts[index];
      const chart = echarts.init(node, null, { renderer: "svg" });
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", `${plot.title}. The table has the same numbers.`);
      chart.on("click", ({ data }) => table.show(data.row));
      charts.push({ chart, plot, node });
      new ResizeObserver(() => {
        if (chart.getWidth() !== node.clientWidth || chart.getHeight() !== node.clientHeight) {
          chart.resize();
          draw();
        }
      }).observe(node);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    matchMedia("print").addEventListener("change", ({ matches }) => {
      for (const { chart, plot } of charts) {
        chart.resize(matches && plot.kind !== "BARS" ? PAPER : { width: "auto", height: "auto" });
      }
      draw();
    });
    draw();
  }

  /** Fills the legend with a button for each name that hides what it stands for. */
  function buildLegend() {
    for (const name of names) {
      const glyph = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      glyph.setAttribute("viewBox", "0 0 20 20");
      glyph.setAttribute("aria-hidden", "true");
      path.setAttribute("d", marks.shape(name));
      path.style.fill = `var(${marks.colourVariable(name)})`;
      glyph.append(path);
      const button = element("button", null, glyph, name);
      button.type = "button";
      button.title = record.rows.find((row) => row.series === name).paper;
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = hidden.delete(name);
        if (!shown) {
          hidden.add(name);
        }
        button.setAttribute("aria-pressed", String(shown));
        draw();
      });
      article.querySelector(".legend").append(button);
    }
  }

  function buildRange() {
    const group = article.querySelector(".range");
    group.hidden = !hasFar;
    for (const button of group.children) {
      button.addEventListener("click", () => {
        near = button.dataset.range === "near";
        for (const other of group.children) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        draw();
      });
    }
  }

  const table = liveTable(article, {
    filtered: (matches) => {
      matching = matches;
      draw();
    },
    entered: (row) => emphasise(row, "highlight"),
    left: (row) => emphasise(row, "downplay"),
  });
  buildLegend();
  buildRange();
  buildPlots();
}

(() => {
  const json = document.getElementById("record").textContent;
  const records = JSON.parse(json);
  for (const article of document.querySelectorAll("article.result")) {
    showResult(article, records[article.dataset.result]);
  }
  const save = document.getElementById("save");
  const saved = records.length === 1 ? JSON.stringify(records[0], null, 2) : json;
  save.href = URL.createObjectURL(new Blob([saved], { type: "application/json" }));
  save.download = records.length === 1 ? `${records[0].suite}.json` : "results.json";
  save.hidden = false;
})();
