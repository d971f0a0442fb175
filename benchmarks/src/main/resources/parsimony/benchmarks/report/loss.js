"use strict";

(() => {
  const { steps, rows, validation } = JSON.parse(document.getElementById("record").textContent);
  const STEP = 0;
  const LOSS = 1;
  const SMOOTHED = 2;
  const RATE = 3;
  const GRADIENT = 4;

  const plain = (value) => value.toFixed(3);
  const scientific = (value) => (value === 0 ? "0" : value.toExponential(1));
  const PLOTS = {
    loss: {
      lines: [
        { name: "This step", column: LOSS, colour: "--soft", width: 1, opacity: 0.45 },
        { name: "Smoothed", column: SMOOTHED, colour: "--series-1", width: 2.5, opacity: 1 },
      ],
      write: plain,
      fromZero: false,
    },
    validation: {
      lines: [{ name: "Bits per byte", points: validation, colour: "--series-4", width: 2, opacity: 1 }],
      write: plain,
      fromZero: false,
    },
    rate: { lines: [{ name: "Learning rate", column: RATE, colour: "--series-2", width: 2, opacity: 1 }], write: scientific, fromZero: true },
    gradient: { lines: [{ name: "Norm", column: GRADIENT, colour: "--series-3", width: 1, opacity: 1 }], write: plain, fromZero: true },
  };

  function option(plot, colours) {
    const text = { color: colours("--soft"), fontSize: 12 };
    const grid = { lineStyle: { color: colours("--line") } };
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 4, right: 28, top: 24, bottom: 30, containLabel: true },
      tooltip: {
        trigger: "axis",
        confine: true,
        backgroundColor: colours("--raised"),
        borderColor: colours("--line"),
        textStyle: { color: colours("--ink"), fontSize: 13 },
        axisPointer: { type: "line", ...grid },
        formatter: (points) =>
          [`Step ${points[0].value[0]}`, ...points.map((point) => `${point.seriesName} ${plot.write(point.value[1])}`)].join("<br>"),
      },
      xAxis: {
        type: "value",
        min: 0,
        max: steps,
        name: "Step",
        nameLocation: "middle",
        nameGap: 30,
        nameTextStyle: text,
        axisLabel: { ...text, hideOverlap: true },
        axisLine: { show: true, ...grid },
        axisTick: { show: false },
        splitLine: { show: false },
      },
      yAxis: {
        type: "value",
        scale: !plot.fromZero,
        axisLabel: { ...text, ...(plot.write === scientific && { formatter: scientific }) },
        axisTick: { show: false },
        splitLine: grid,
      },
      series: plot.lines.map((line) => ({
        type: "line",
        name: line.name,
        data: line.points ?? rows.map((row) => [row[STEP], row[line.column]]),
        sampling: "lttb",
        showSymbol: line.points !== undefined || rows.length === 1,
        color: colours(line.colour),
        lineStyle: { width: line.width, opacity: line.opacity },
      })),
    };
  }

  const charts = [];

  function draw() {
    const style = getComputedStyle(document.documentElement);
    for (const { chart, plot } of charts) {
      chart.setOption(
        option(plot, (variable) => style.getPropertyValue(variable).trim()),
        { notMerge: true },
      );
    }
  }

  for (const node of document.querySelectorAll("[data-plot]")) {
    const chart = echarts.init(node, null, { renderer: "svg" });
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", `${node.closest("figure").querySelector("h3").textContent} against steps`);
    charts.push({ chart, plot: PLOTS[node.dataset.plot] });
    new ResizeObserver(() => chart.resize()).observe(node);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
