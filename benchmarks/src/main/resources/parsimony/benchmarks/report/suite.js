"use strict";

(() => {
  const record = JSON.parse(document.getElementById("record").textContent);
  const columns = Object.fromEntries(record.columns.map((column) => [column.key, column]));
  const names = [...new Set(record.rows.map((row) => row.series))];
  const hidden = new Set();
  let matching = () => true;
  let table;

  const marks = seriesMarks(names);
  const { shape, colourVariable } = marks;

  const plain = (value, decimals) => Number(value.toFixed(decimals)).toLocaleString("en");
  const UNITS = {
    COUNT: (value) => (value >= 1e6 ? `${plain(value / 1e6, 2)} million` : plain(value, 0)),
    BYTES: (value) =>
      value >= 1e9 ? `${plain(value / 1e9, 2)} GB` : value >= 1e6 ? `${plain(value / 1e6, 1)} MB` : `${plain(value / 1e3, 1)} kB`,
    TIMES: (value) => `${plain(value, 2)}\u00d7`,
    SHARE: (value) => `${plain(100 * value, 2)} %`,
    FINE: (value) => plain(value, 3),
    SECONDS: (value) => (value < 1 ? `${plain(1e3 * value, 2)} ms` : `${plain(value, 2)} s`),
    SCIENTIFIC: (value) => value.toExponential(1),
  };
  const text = (key, value) => (Number.isFinite(value) ? UNITS[columns[key].unit](value) : "\u2014");

  const shortened = (name) => (name.length > 26 ? name.slice(0, 25) + "\u2026" : name);

  function element(tag, content, ...children) {
    const made = document.createElement(tag);
    if (content !== null) {
      made.textContent = content;
    }
    made.append(...children);
    return made;
  }

  function tooltip(row, plot) {
    const list = element("dl", null);
    for (const key of [plot.x, plot.y]) {
      list.append(element("dt", columns[key].title), element("dd", text(key, row.values[key])));
    }
    const tip = element("div", null, element("strong", row.name), list);
    tip.className = "tip";
    return tip;
  }

  // Doublings where there are few of them, so that an axis has more than two numbers.
  function base(key) {
    const values = record.rows.map((row) => row.values[key]).filter((value) => value > 0);
    return Math.max(...values) < 100 * Math.min(...values) ? 2 : 10;
  }

  function axis(key, logarithmic, colours, soft) {
    return {
      type: logarithmic ? "log" : "value",
      scale: true,
      ...(logarithmic && { min: ({ min }) => min / 1.3, max: ({ max }) => max * 1.3, logBase: base(key) }),
      name: columns[key].title,
      nameTextStyle: soft,
      axisLabel: {
        ...soft,
        hideOverlap: true,
        formatter: (value) => text(key, value),
        ...(logarithmic && { showMinLabel: false, showMaxLabel: false }), // They are no round numbers
      },
      axisLine: { show: true, lineStyle: { color: colours("--line") } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: colours("--line") } },
    };
  }

  const LABEL_HEIGHT = 12;
  const LABEL_WIDTH = 130;

  /** The points of a series, or of one set of its options, from left to right; the last of each set has its name beside it. */
  function points(plot, name, set) {
    return record.rows
      .map((row, index) => ({ row, index, x: row.values[plot.x], y: row.values[plot.y] }))
      .filter((point) => point.row.series === name && (set === null || point.row.name === set))
      .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
      .filter((point) => !((plot.logX && point.x <= 0) || (plot.logY && point.y <= 0)))
      .sort((a, b) => a.x - b.x)
      .map((point, index, all) => ({ ...point, named: all[index + 1]?.row.name !== point.row.name }));
  }

  /** Moves names down so far that none covers another; the plot's size in pixels need only be about right. */
  function separate(all, plot) {
    const place = (values, logarithmic, pixels) => {
      const scaled = values.map((value) => (logarithmic ? Math.log(value) : value));
      const least = Math.min(...scaled);
      const range = Math.max(...scaled) - least || 1;
      return scaled.map((value) => (pixels * (value - least)) / range);
    };
    const right = place(all.map((point) => point.x), plot.logX, 330);
    const up = place(all.map((point) => point.y), plot.logY, 190);
    const placed = [];
    all
      .map((point, index) => ({ point, x: right[index], y: -up[index] }))
      .filter(({ point }) => point.named)
      .sort((a, b) => a.y - b.y)
      .forEach(({ point, x, y }) => {
        let free = y;
        for (const other of placed) {
          if (Math.abs(other.x - x) < LABEL_WIDTH && free < other.y + LABEL_HEIGHT) {
            free = other.y + LABEL_HEIGHT;
          }
        }
        placed.push({ x, y: free });
        point.shift = free - y;
      });
  }

  function option(plot, colours) {
    const soft = { color: colours("--soft"), fontSize: 12 };
    // A line joins the rows of one set of options, as one thing that is measured at several places.
    const sets = (name) =>
      plot.lines ? [...new Set(record.rows.filter((row) => row.series === name).map((row) => row.name))] : [null];
    const shown = names
      .filter((name) => !hidden.has(name))
      .flatMap((name) => sets(name).map((set) => ({ name, set, points: points(plot, name, set) })));
    separate(shown.flatMap((part) => part.points), plot);
    const series = shown.map(({ name, set, points }) => ({
      id: set ?? name,
      name,
      type: plot.lines ? "line" : "scatter",
      symbol: "path://" + shape(name),
      symbolKeepAspect: true,
      symbolSize: 11,
      clip: false,
      lineStyle: { width: 1.5, color: colours(colourVariable(name)), opacity: 0.6 },
      itemStyle: { color: colours(colourVariable(name)), borderColor: colours("--page"), borderWidth: 1 },
      emphasis: { scale: 1.5 },
      label: {
        show: true,
        position: "right",
        color: colours("--soft"),
        fontSize: 11,
        formatter: ({ data }) => data.note,
      },
      data: points.map((point) => ({
        value: [point.x, point.y],
        row: point.index,
        note: point.named ? shortened(point.row.name) : "",
        label: { offset: [0, point.shift ?? 0] },
        itemStyle: { opacity: matching(point.row) ? 1 : 0.15 },
      })),
    }));
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 4, right: plot.lines ? 150 : 140, top: 40, bottom: 34, containLabel: true },
      tooltip: {
        trigger: "item",
        confine: true,
        backgroundColor: colours("--raised"),
        borderColor: colours("--line"),
        padding: [10, 14],
        formatter: ({ data }) => tooltip(record.rows[data.row], plot),
      },
      xAxis: { ...axis(plot.x, plot.logX, colours, soft), nameLocation: "middle", nameGap: 32 },
      yAxis: { ...axis(plot.y, plot.logY, colours, soft), nameGap: 18, nameTextStyle: { ...soft, align: "left" } },
      series,
    };
  }

  const charts = [];

  function drawOne({ chart, plot }) {
    const style = getComputedStyle(document.documentElement);
    chart.setOption(option(plot, (variable) => style.getPropertyValue(variable).trim()), { notMerge: true });
  }

  const draw = () => charts.forEach(drawOne);

  function emphasise(row, type) {
    for (const { chart } of charts) {
      for (const series of chart.getOption().series) {
        const dataIndex = series.data.findIndex((item) => item.row === row);
        if (dataIndex >= 0) {
          chart.dispatchAction({ type, seriesId: series.id, dataIndex });
        }
      }
    }
  }

  buildLegend(names, marks, hidden, (name) => record.rows.find((row) => row.series === name).paper, draw);
  document.getElementById("plots").hidden = false;
  document.querySelectorAll("[data-plot]").forEach((node, index) => {
    const plot = record.charts[index];
    const chart = echarts.init(node, null, { renderer: "svg" });
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", `${plot.title}. The table has the same numbers.`);
    chart.on("click", ({ data }) => table.show(data.row));
    charts.push({ chart, plot });
    new ResizeObserver(() => {
      chart.resize();
      drawOne({ chart, plot });
    }).observe(node);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
  table = recordTable({
    filtered: (matches) => {
      matching = (row) => matches(`${row.name} ${row.paper}`);
      draw();
    },
    entered: (row) => emphasise(row, "highlight"),
    left: (row) => emphasise(row, "downplay"),
    file: `${record.suite}.json`,
  });
})();
