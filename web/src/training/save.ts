/** What is on screen as files: the numbers as JSON, the charts as a picture. */
import * as state from "./state";

/** Everything the page knows of the runs on screen. */
export function saveNumbers(): void {
  const runs = state.shown.value.map((run) => ({
    ...state.runs.value[run],
    ...state.known.value[run],
    look: state.looks.value[run]?.header,
  }));
  const plain = (_key: string, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? null : value);
  const text = JSON.stringify({ step: state.at.value, runs }, plain, 1);
  save(new Blob([text], { type: "application/json" }), "json");
}

/** The charts, one below the other, as they are on screen. */
export function saveCharts(): void {
  const charts = [...document.querySelectorAll<HTMLCanvasElement>("canvas[data-chart]")];
  const sheet = document.createElement("canvas");
  const space = 28 * (devicePixelRatio || 1);
  sheet.width = Math.max(1, ...charts.map((chart) => chart.width));
  sheet.height = charts.reduce((sum, chart) => sum + chart.height + space, 0);
  const pen = sheet.getContext("2d");
  if (!pen) return;
  const css = getComputedStyle(document.documentElement);
  pen.fillStyle = css.getPropertyValue("--panel");
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.fillStyle = css.getPropertyValue("--text");
  pen.font = `${space / 2}px system-ui, sans-serif`;
  let y = 0;
  for (const chart of charts) {
    pen.fillText(
      `${chart.dataset.chart} · ${state.shown.value.map((run) => state.runs.value[run]?.name).join(", ")}`,
      space / 2,
      y + space * 0.7,
    );
    pen.drawImage(chart, 0, y + space);
    y += chart.height + space;
  }
  sheet.toBlob((data) => data && save(data, "png"), "image/png");
}

function save(data: Blob, ending: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = `training-${state.at.value}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
