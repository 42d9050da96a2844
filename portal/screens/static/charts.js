// Charts: drawn by ECharts from the numbers that stand in the page, in the colours of the theme, with units at the axis.
let library = null;
const drawn = new Map();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function load() {
  library ??= import("/pages/echarts/index.js").then((found) => found.echarts);
  return library;
}

export async function drawAll(inside = document) {
  const places = [...inside.querySelectorAll("[data-chart]")];
  if (!places.length) return;
  const echarts = await load();
  for (const place of places) if (place.isConnected) draw(echarts, place);
}

export const redraw = {
  before(inside) {
    for (const place of inside.querySelectorAll("[data-chart]")) { drawn.get(place)?.dispose(); drawn.delete(place); }
  },
  all() { this.before(document); drawAll(); },
};

function draw(echarts, place) {
  const given = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const chart = drawn.get(place) ?? echarts.init(place, null, { renderer: "svg" });
  drawn.set(place, chart);
  chart.setOption(option(given, place.clientWidth), true);
}

function option({ unit, at, lines }, width) {
  const size = document.body.dataset.wall ? Math.max(13, Math.round(innerWidth / 72)) : 12; // a wall is read from afar
  const ink = colour("--ink"), soft = colour("--soft"), line = colour("--line"), narrow = width < 560;
  let next = 0;
  const series = lines.map((one) => {
    const limit = one.look === "limit", bar = one.look === "bar";
    const tint = limit ? colour("--bad") : colour(`--c${next++ % 8}`);
    const dash = { limit: "dashed", quiet: "solid", baseline: "dotted" }[one.look] ?? "solid";
    return {
      name: one.name, type: bar ? "bar" : "line", data: one.values, stack: bar ? "all" : undefined, symbol: "none", animation: false,
      step: bar ? undefined : "end", barCategoryGap: "8%", itemStyle: { color: tint },
      lineStyle: bar ? undefined : { color: tint, width: size > 12 ? 4 : one.look === "quiet" ? 1.5 : 2, type: dash },
    };
  });
  return {
    animation: false, textStyle: { color: ink, fontFamily: "system-ui, sans-serif" }, aria: { enabled: false },
    grid: { left: 8, right: 12, top: 2 * size, bottom: size > 12 ? 2.6 * size : narrow ? 66 + 22 * Math.min(3, Math.ceil(lines.length / 2) - 1) : 52, containLabel: true },
    legend: {
      bottom: 0, type: size > 12 ? "plain" : "scroll", itemHeight: size,
      textStyle: { color: ink, fontSize: size, ...(size > 12 ? { width: width / (lines.length + 0.5) - 2 * size, overflow: "truncate" } : {}) }, pageTextStyle: { color: ink }, pageIconColor: ink, pageIconInactiveColor: line,
    },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colour("--raised"), borderColor: line, textStyle: { color: ink, fontSize: 12 },
      valueFormatter: (value) => (value === null || value === undefined ? "–" : `${Number(value).toLocaleString("en", { maximumFractionDigits: unit === "pu" ? 4 : 1 })} ${unit}`),
    },
    xAxis: { type: "category", data: at, axisLabel: { color: soft, fontSize: size, formatter: (value) => value.slice(11), hideOverlap: true }, axisLine: { lineStyle: { color: line }, onZero: false } },
    yAxis: { type: "value", name: unit, nameTextStyle: { color: soft, align: "left", fontSize: size }, scale: unit === "pu", axisLabel: { color: soft, fontSize: size }, splitLine: { lineStyle: { color: line } } },
    series,
  };
}

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => drawn.forEach((chart, place) => (place.isConnected ? chart.resize() : (chart.dispose(), drawn.delete(place)))), 120);
});
