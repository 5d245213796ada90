/* Draws the dose map of report.html from the JSON beside it. No network; plotly.js is already in the page. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("map-data").textContent);
  var plot = document.getElementById("map");
  var pointer = document.getElementById("pointer");

  function unpack(text, Type) {
    var raw = atob(text), bytes = new Uint8Array(raw.length);
    for (var k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    return new Type(bytes.buffer);
  }

  function every(array, start, step) {
    var out = new array.constructor(array.length / step);
    for (var k = 0; k < out.length; k++) out[k] = array[step * k + start];
    return out;
  }

  /* Three significant digits, as scene.three_digits writes them. */
  function three(value) {
    if (value === 0) return "0";
    var rounded = Number(value.toPrecision(3));
    return rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)))));
  }

  function dose(mgy) {
    if (mgy > 0 && mgy < 0.001) return "< 0.001 mGy";
    return Number(mgy.toPrecision(3)) >= 1000 ? three(mgy / 1000) + " Gy" : three(mgy) + " mGy";
  }

  var NARROW = plot.clientWidth < 560; /* a phone: the scale lies under the body */
  var mgyPerUnit = data.scale.unit === "Gy" ? 1000 : 1;
  var vertices = unpack(data.vertices_mm, Float32Array);
  var triangles = unpack(data.triangles, Int32Array);
  var doseMgy = unpack(data.dose_mgy, Float32Array);
  var uncertaintyMgy = unpack(data.uncertainty_mgy, Float32Array);
  var region = unpack(data.region, Uint8Array);

  function centre(cell, axis) {
    return (vertices[3 * triangles[3 * cell] + axis] + vertices[3 * triangles[3 * cell + 1] + axis] +
      vertices[3 * triangles[3 * cell + 2] + axis]) / 3;
  }

  function place(cell) {
    var left = Math.round(centre(cell, 0)), down = Math.round(-centre(cell, 2));
    return Math.abs(left) + " mm " + (left < 0 ? "right" : "left") + " of the middle, " + down + " mm below the crown";
  }

  function reading(cell) {
    var spread = uncertaintyMgy[cell] > 0 ? " ± " + dose(uncertaintyMgy[cell]) : "";
    return ["<b>" + dose(doseMgy[cell]) + "</b>" + spread, data.region_names[region[cell]] || "", place(cell)];
  }

  function escaped(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  var texts = new Array(doseMgy.length), shown = new Float32Array(doseMgy.length);
  for (var cell = 0; cell < texts.length; cell++) {
    var lines = reading(cell);
    texts[cell] = lines[0] + "<br>" + escaped(lines[1]) + "<br>" + lines[2];
    shown[cell] = doseMgy[cell] / mgyPerUnit;
  }

  function xyz(vector, by) { return { x: by * vector[0], y: by * vector[1], z: by * vector[2] }; }

  var body = {
    type: "mesh3d", name: "skin dose",
    x: every(vertices, 0, 3), y: every(vertices, 1, 3), z: every(vertices, 2, 3),
    i: every(triangles, 0, 3), j: every(triangles, 1, 3), k: every(triangles, 2, 3),
    intensity: shown, intensitymode: "cell", cmin: 0, cmax: data.scale.end, colorscale: data.colours,
    text: texts, hoverinfo: "text", flatshading: false,
    /* Skin that faces the viewer has exactly the scale's colour; only what turns away is darker. */
    lighting: { ambient: 0.5, diffuse: 0.65, specular: 0, roughness: 1, fresnel: 0, vertexnormalsepsilon: 0, facenormalsepsilon: 0 },
    lightposition: { x: 0, y: 0, z: -1e5 }, /* plotly takes it in the camera's frame: behind the viewer */
    colorbar: Object.assign({
      title: { text: "Skin dose in " + data.scale.unit, side: NARROW ? "top" : "right" },
      tickmode: "array", tickvals: data.scale.ticks, ticktext: data.scale.ticks.map(String),
      thickness: 16, outlinewidth: 0
    }, NARROW
      ? { orientation: "h", len: 0.9, x: 0.5, xanchor: "center", y: 0, yanchor: "bottom" }
      : { len: 0.72, x: 1, xanchor: "right" })
  };

  var traces = [body];
  if (data.peak_mark_mm) {
    traces.push({
      type: "scatter3d", mode: "markers", hoverinfo: "skip", showlegend: false,
      x: [data.peak_mark_mm[0]], y: [data.peak_mark_mm[1]], z: [data.peak_mark_mm[2]],
      marker: { symbol: "circle-open", size: 16, color: "#0b5fc4", line: { width: 2, color: "#0b5fc4" } }
    });
  }

  /* One scale for all three axes: the box is the body with room for the labels. */
  var low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  function grow(point) {
    for (var axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis], point[axis]);
      high[axis] = Math.max(high[axis], point[axis]);
    }
  }
  for (var v = 0; v < vertices.length; v += 3) grow([vertices[v], vertices[v + 1], vertices[v + 2]]);
  data.labels.forEach(function (label) { grow(label.at_mm); });

  /* L, R, front ...: a view shows those that stand beside the body, not before it. */
  function labels(name) {
    return data.labels.map(function (label) {
      return {
        x: label.at_mm[0], y: label.at_mm[1], z: label.at_mm[2], text: label.text, showarrow: false,
        visible: data.views[name].eye[label.axis] === 0, font: { size: 16, color: "#1c1f24" }
      };
    });
  }

  var VISIBLE = 1.9; /* of the 2 units that plotly shows from top to bottom */
  var longest = Math.max(high[0] - low[0], high[1] - low[1], high[2] - low[2]);

  function axis(k) {
    return { range: [low[k] - 5, high[k] + 5], visible: false, showspikes: false };
  }

  /* In a parallel projection the size on the screen is that of the box itself: as large as this view has room for. */
  function ratio(name) {
    var size = [0, 1, 2].map(function (k) { return (high[k] - low[k] + 10) / longest; });
    var eye = data.views[name].eye, up = data.views[name].up;
    var tall = up[2] ? size[2] : size[1], wide = eye[0] ? size[1] : size[0];
    return xyz(size, Math.min(VISIBLE / tall, VISIBLE * (NARROW ? 1.19 : 0.9) * plot.clientWidth / plot.clientHeight / wide));
  }

  function camera(name) {
    var view = data.views[name];
    return { eye: xyz(view.eye, 2), up: xyz(view.up, 1), center: { x: 0, y: 0, z: 0 }, projection: { type: "orthographic" } };
  }

  var layout = {
    margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#fff", showlegend: false,
    font: { family: "system-ui, sans-serif", size: 13, color: "#1c1f24" },
    hoverlabel: { bgcolor: "#1c1f24", bordercolor: "#1c1f24", font: { color: "#fff", size: 13 }, align: "left" },
    scene: {
      xaxis: axis(0), yaxis: axis(1), zaxis: axis(2), aspectmode: "manual", domain: { x: NARROW ? [0, 1] : [0, 0.9], y: NARROW ? [0.16, 1] : [0, 1] }, dragmode: "orbit",
      aspectratio: ratio(data.first_view),
      camera: camera(data.first_view), annotations: labels(data.first_view)
    }
  };

  var buttons = Array.prototype.slice.call(document.querySelectorAll("button[data-view]"));
  function press(name) {
    buttons.forEach(function (button) { button.setAttribute("aria-pressed", String(button.dataset.view === name)); });
  }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      var name = button.dataset.view;
      Plotly.relayout(plot, {
        "scene.camera": camera(name), "scene.aspectratio": ratio(name), "scene.annotations": labels(name)
      });
      press(name);
    });
  });

  /* Paper is narrower than a screen: the drawn map is scaled, not cut. */
  var PAPER_WIDTH_PX = 690;
  window.addEventListener("beforeprint", function () {
    var width = plot.clientWidth;
    plot.style.width = width + "px";
    plot.style.zoom = String(Math.min(1, PAPER_WIDTH_PX / width));
  });
  window.addEventListener("afterprint", function () { plot.style.width = plot.style.zoom = ""; });

  function failed(reason) {
    plot.textContent = "The map cannot be drawn here: " + reason + ". The file dosemap.vtp has it too.";
  }

  Plotly.newPlot(plot, traces, layout, { responsive: true, displayModeBar: false, displaylogo: false }).then(function () {
    press(data.first_view);
    plot.on("plotly_hover", function (event) {
      var at = event.points[0];
      if (at && at.curveNumber === 0) pointer.innerHTML = texts[at.pointNumber].replace(/<br>/g, " · ");
    });
    plot.setAttribute("data-drawn", "yes");
  }, function (error) { failed(error && error.message || "unknown error"); });
})();
