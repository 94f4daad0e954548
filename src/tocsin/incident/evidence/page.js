"use strict";
// Hover, zoom and search for a file that is opened from disk: what it shows is there without it.
(() => {
  const data = JSON.parse(document.getElementById("evidence").textContent);
  const left = 64, right = 12, top = 14, bottom = 26, width = 960, height = 260;
  const svgns = "http://www.w3.org/2000/svg";
  const value = (written) => typeof written === "number" ? written : written === "+Inf" ? Infinity : written === "-Inf" ? -Infinity : NaN;
  const clock = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  const name = (labels) => Object.entries(labels).map(([key, one]) => key + "=" + one).join(" ") || "value";

  for (const graph of data.graphs) {
    const plot = document.getElementById(graph.id);
    const svg = plot && plot.querySelector("svg");
    if (!svg || !graph.series.length) continue;
    const still = svg.cloneNode(true).childNodes;
    const whole = { start: graph.start_ms, end: Math.max(graph.end_ms, graph.start_ms + 1) };
    let shown = whole, from = null;
    const readout = plot.appendChild(document.createElement("div"));
    readout.className = "readout";
    readout.hidden = true;
    const hair = document.createElementNS(svgns, "path");
    hair.setAttribute("stroke", "#888");

    const moment = (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * width;
      const share = Math.min(1, Math.max(0, (x - left) / (width - left - right)));
      return { x: left + share * (width - left - right), at: shown.start + share * (shown.end - shown.start) };
    };
    const nearest = (ts, at) => {
      let low = 0, high = ts.length - 1;
      while (low < high) { const middle = low + high >> 1; if (ts[middle] < at) low = middle + 1; else high = middle; }
      return low > 0 && at - ts[low - 1] < ts[low] - at ? low - 1 : low;
    };
    const draw = () => {
      hair.remove();
      if (shown === whole) { svg.replaceChildren(...[...still].map((one) => one.cloneNode(true))); return; }
      const seen = graph.series.slice(0, 20).map((one) => one.ts.map((ts, at) => [ts, value(one.values[at])]).filter(([ts]) => ts >= shown.start && ts <= shown.end));
      const finite = seen.flat().map((one) => one[1]).concat(graph.thresholds).filter(Number.isFinite);
      const low = Math.min(0, ...finite), high = Math.max(low + 1e-12, ...finite);
      const x = (ts) => left + (ts - shown.start) / (shown.end - shown.start) * (width - left - right);
      const y = (one) => top + (1 - (one - low) / (high - low)) * (height - top - bottom);
      const parts = [];
      const put = (kind, attributes, text) => {
        const made = document.createElementNS(svgns, kind);
        for (const [key, one] of Object.entries(attributes)) made.setAttribute(key, one);
        if (text !== undefined) made.textContent = text;
        parts.push(made);
      };
      for (const tick of [low, (low + high) / 2, high]) {
        put("path", { class: "grid", d: `M${left} ${y(tick)}H${width - right}` });
        put("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end", "font-size": 11 }, String(Number(tick.toPrecision(4))));
      }
      for (const share of [0, 0.25, 0.5, 0.75, 1]) {
        const ts = shown.start + share * (shown.end - shown.start);
        put("text", { x: x(ts), y: height - 8, "text-anchor": share === 1 ? "end" : share ? "middle" : "start", "font-size": 11 }, clock(ts).slice(11));
      }
      for (const one of graph.thresholds) put("path", { class: "threshold", "stroke-dasharray": "5 4", d: `M${left} ${y(one)}H${width - right}` });
      const strokes = ["#3b6fd4", "#c8742a", "#2a9d6f", "#8a56c2", "#b8476b", "#4a9ab5", "#8a8326", "#777f8f"];
      seen.forEach((points, at) => {
        let path = "", before = null;
        for (const [ts, one] of points) {
          if (!Number.isFinite(one)) { before = null; continue; }
          path += (before === null || ts - before > 2 * graph.step_ms ? "M" : "L") + x(ts).toFixed(1) + " " + y(one).toFixed(1);
          before = ts;
        }
        if (path) put("path", { d: path, fill: "none", "stroke-width": 1.5, stroke: strokes[at % 8] });
      });
      svg.replaceChildren(...parts);
    };
    plot.addEventListener("pointermove", (event) => {
      const { x, at } = moment(event);
      hair.setAttribute("d", `M${x} ${top}V${height - bottom}`);
      svg.append(hair);
      const rows = graph.series.slice(0, 12).map((one) => {
        const index = nearest(one.ts, at);
        const there = one.ts.length && Math.abs(one.ts[index] - at) <= 2 * graph.step_ms;
        return (there ? String(one.values[index]) : "–") + "  " + name(one.labels);
      });
      readout.textContent = clock(at) + " UTC\n" + rows.join("\n");
      readout.hidden = false;
    });
    plot.addEventListener("pointerleave", () => { hair.remove(); readout.hidden = true; from = null; });
    plot.addEventListener("pointerdown", (event) => { from = moment(event).at; });
    plot.addEventListener("pointerup", (event) => {
      const until = moment(event).at;
      if (from !== null && Math.abs(until - from) > (shown.end - shown.start) / 50) {
        shown = { start: Math.min(from, until), end: Math.max(from, until) };
        draw();
      }
      from = null;
    });
    plot.addEventListener("dblclick", () => { shown = whole; draw(); });
  }

  const search = document.getElementById("find-lines");
  if (search) {
    search.parentElement.hidden = false;
    const rows = [...document.querySelectorAll("#lines tbody tr")];
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
  }
})();
