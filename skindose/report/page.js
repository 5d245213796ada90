/* Draws the dose map of report.html and answers its controls. No network; plotly.js is already in the page. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("map-data").textContent);
  var plot = document.getElementById("map");
  var pointer = document.getElementById("pointer");
  var body = new window.SkinBody(data);
  var shapes = window.SkinShapes, dose = shapes.dose, cross = shapes.cross, dot = shapes.dot, unit = shapes.unit, xyz = shapes.xyz;

  /* --- Words */

  /* What is said of a cell: its dose after the event shown, its region, its place. */
  function reading(cell) {
    var whole = body.doseMgy === body.finalMgy, below = body.below(cell), spread = whole ? body.uncertaintyMgy(cell) : 0;
    var said = below ? "less than " + dose(below) : dose(body.doseMgy[cell]) + (spread > 0 ? " ± " + dose(spread) : "");
    if (!whole) said += " so far, " + dose(body.finalMgy[cell]) + " in the end";
    return [said, data.region_names[body.region[cell]] || "", body.place(cell)];
  }

  /* --- What is shown */

  var NARROW = plot.clientWidth < 560, LINE_PX = NARROW ? 2 : 3; /* a phone: the scale lies under the body */
  var SHARPNESS = Math.max(1, window.devicePixelRatio || 1); /* plotly draws twice as fine, at four times the work */
  var mgyPerUnit = data.scale.unit === "Gy" ? 1000 : 1;
  var GRID_MM = 16, MOST_CELLS = 24000;
  var mesh = body.drawn(GRID_MM, MOST_CELLS);
  var events = 0; /* after how many events there is a history, once it is read */
  var shown = { after: 0, lines: true, boxes: false, beams: "none", end: data.scale.end, view: data.first_view, close: false };
  var beamPoints = null;

  function colours() {
    return Float32Array.from(mesh.cells, function (cell) { return body.doseMgy[cell] / mgyPerUnit; });
  }

  /* The beams shown, five points each: the focal spot and the corners at the detector. */
  function beams() {
    if (shown.beams === "none") return [];
    if (!beamPoints) beamPoints = window.SkinBody.unpack(data.beams.points_mm, Float32Array, 15 * data.beams.event.length);
    var found = [];
    data.beams.event.forEach(function (event, n) {
      if (shown.beams === "selected" && event !== shown.after - 1) return;
      found.push([0, 1, 2, 3, 4].map(function (k) { return Array.from(beamPoints.subarray(15 * n + 3 * k, 15 * n + 3 * k + 3)); }));
    });
    return found;
  }

  function lines() {
    var all = new shapes.Lines();
    if (data.peak_mark_mm) all.ring(data.peak_mark_mm, data.peak_normal);
    if (shown.lines && data.levels.length) {
      var doses = body.vertexDoses();
      data.levels.forEach(function (level, n) {
        var colour = data.level_colours[n % data.level_colours.length];
        body.line(doses, level.mgy, function (from, to) { all.add([from, to], colour); });
      });
    }
    beams().forEach(function (beam) { if (shown.beams === "all") all.beamAxis(beam); else all.beam(beam); });
    if (shown.boxes) data.boxes.forEach(function (box) { all.box(box.corners_mm); });
    all.atLeast(body.point(0));
    return all;
  }

  function solids() {
    var all = new shapes.Solid();
    if (shown.boxes) data.boxes.forEach(function (box) { all.box(box.corners_mm); });
    if (shown.beams === "selected") beams().forEach(function (beam) { all.beam(beam); });
    return all;
  }

  /* --- Traces */

  /* Skin that faces the viewer has exactly the scale's colour; only what turns away is darker. */
  var LIGHT = { ambient: 0.5, diffuse: 0.65, specular: 0, roughness: 1, fresnel: 0, vertexnormalsepsilon: 0, facenormalsepsilon: 0 };
  var LIGHT_AT = { x: 0, y: 0, z: -1e5 }; /* plotly takes it in the camera's frame: behind the viewer */

  function skin() {
    return {
      type: "mesh3d", name: "skin dose", x: mesh.axes[0], y: mesh.axes[1], z: mesh.axes[2],
      i: mesh.corners[0], j: mesh.corners[1], k: mesh.corners[2],
      intensity: colours(), intensitymode: "cell", cmin: 0, cmax: shown.end, colorscale: data.colours,
      hoverinfo: "skip", flatshading: false, lighting: LIGHT, lightposition: LIGHT_AT,
      colorbar: Object.assign({
        title: { text: "Skin dose in " + data.scale.unit, side: NARROW ? "top" : "right" },
        tickmode: "array", tickvals: data.scale.ticks, ticktext: data.scale.ticks.map(String),
        thickness: 16, outlinewidth: 0
      }, NARROW
        ? { orientation: "h", len: 0.9, x: 0.5, xanchor: "center", y: 0, yanchor: "bottom" }
        : { len: 0.72, x: 1, xanchor: "right" })
    };
  }

  /* --- Camera: all axes have one scale; the box is a cube about the body's middle that holds whatever may be shown. */

  var bounds = shapes.bounds(mesh.axes, data.labels.map(function (label) { return label.at_mm; })), low = bounds[0], high = bounds[1];
  var middle = [0, 1, 2].map(function (k) { return (low[k] + high[k]) / 2; });
  var HALF_MM = 2500; /* a focal spot stands up to 1 m from the body, a detector too */

  /* L, R, front ...: a view shows those that stand beside the body, not before it; close up they stand around the peak. */
  function labels(name, close) {
    return data.labels.map(function (label) {
      var at = label.at_mm;
      if (close) {
        var side = at[label.axis] < middle[label.axis] ? -1 : 1;
        at = data.peak_mark_mm.map(function (value, k) { return k === label.axis ? value + side * 0.85 * CLOSE_MM : value; });
      }
      return {
        x: at[0], y: at[1], z: at[2], text: label.text, showarrow: false,
        visible: data.views[name].eye[label.axis] === 0, font: { size: 16, color: "#1c1f24" }
      };
    });
  }

  var VISIBLE = 1.9; /* of the 2 units that plotly shows from top to bottom in a parallel projection */
  var DOMAIN = NARROW ? { x: [0, 1], y: [0.16, 1] } : { x: [0, 0.9], y: [0, 1] };

  /* The cube's size in plotly's units with which this view just holds what is shown. */
  function ratio(name) {
    var view = data.views[name], up = view.up, right = cross(up, view.eye), tall = 0, wide = 0;
    function reach(point) {
      var from = point.map(function (value, k) { return value - middle[k]; });
      tall = Math.max(tall, Math.abs(dot(up, from)));
      wide = Math.max(wide, Math.abs(dot(right, from)));
    }
    for (var k = 0; k < 8; k++) reach([(k & 1 ? high : low)[0], (k & 2 ? high : low)[1], (k & 4 ? high : low)[2]]);
    beams().forEach(function (beam) { beam.forEach(reach); });
    var shape = plot.clientWidth * (DOMAIN.x[1] - DOMAIN.x[0]) / (plot.clientHeight * (DOMAIN.y[1] - DOMAIN.y[0]));
    var size = HALF_MM * Math.min(VISIBLE / tall, VISIBLE * shape / wide);
    return { x: size, y: size, z: size };
  }

  /* How far off the eye stands: all that is nearer than it is cut off, and plotly shifts the picture the faster, the farther. */
  var FAR = 4, FAR_CLOSE = 5;
  var CLOSE_MM = 170; /* half of what a close-up shows from top to bottom */

  function camera(name, close) {
    var view = data.views[name], centre = [0, 0, 0];
    if (close) centre = data.peak_mark_mm.map(function (value, k) { return (value - middle[k]) / 2 / CLOSE_MM; });
    var eye = view.eye.map(function (value, k) { return (close ? FAR_CLOSE : FAR) * value + centre[k]; });
    return { eye: xyz(eye, 1), up: xyz(view.up, 1), center: xyz(centre, 1), projection: { type: "orthographic" } };
  }

  function axis(k) { return shapes.axis(middle[k] - HALF_MM, middle[k] + HALF_MM); }

  var layout = {
    margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#fff", showlegend: false, hovermode: false,
    font: { family: "system-ui, sans-serif", size: 13, color: "#1c1f24" },
    scene: {
      xaxis: axis(0), yaxis: axis(1), zaxis: axis(2), aspectmode: "manual", domain: DOMAIN, dragmode: "orbit", hovermode: false,
      aspectratio: ratio(shown.view), camera: camera(shown.view), annotations: labels(shown.view)
    }
  };

  var buttons = Array.prototype.slice.call(document.querySelectorAll("button[data-view]")), closer = document.getElementById("map-close");

  /* Which view is shown; none once the body was turned away from it. */
  function pressed() {
    var eye = plot.layout.scene.camera.eye, stands = dot(unit([eye.x, eye.y, eye.z]), unit(data.views[shown.view].eye)) > 0.9999;
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(stands && button.dataset.view === shown.view));
    });
    closer.setAttribute("aria-pressed", String(shown.close));
  }

  /* A standard view of the whole, or of the peak from close by. */
  function look(name, close) {
    shown.view = name;
    shown.close = close;
    var size = HALF_MM / CLOSE_MM;
    return Plotly.relayout(plot, {
      "scene.camera": camera(name, close), "scene.aspectratio": close ? { x: size, y: size, z: size } : ratio(name),
      "scene.annotations": labels(name, close)
    });
  }
  buttons.forEach(function (button) { button.addEventListener("click", function () { look(button.dataset.view, false); }); });
  closer.addEventListener("click", function () { look(shown.close ? shown.view : data.first_view, !shown.close); });
  closer.hidden = !data.peak_mark_mm;

  /* --- The pointer reads the cells themselves, not the mesh that is drawn. */

  var projected = "";

  function cellAt(clientX, clientY) {
    var scene = plot.layout.scene, eye = scene.camera.eye, centre = scene.camera.center, up = scene.camera.up;
    var near = unit([eye.x - centre.x, eye.y - centre.y, eye.z - centre.z]), right = unit(cross([up.x, up.y, up.z], near));
    var top = cross(near, right), mm = 2 * HALF_MM / scene.aspectratio.x, box = plot.getBoundingClientRect();
    var wide = box.width * (DOMAIN.x[1] - DOMAIN.x[0]), tall = box.height * (DOMAIN.y[1] - DOMAIN.y[0]);
    var x = clientX - box.left - box.width * DOMAIN.x[0] - wide / 2, y = clientY - box.top - box.height * (1 - DOMAIN.y[1]) - tall / 2;
    if (Math.abs(x) > wide / 2 || Math.abs(y) > tall / 2) return -1;
    var key = near.concat(right).join();
    if (key !== projected) body.project(right, top, near);
    projected = key;
    var at = middle.map(function (value, k) { return value + mm * [centre.x, centre.y, centre.z][k]; });
    return body.cellAt(dot(right, at) + mm * x / (tall / 2), dot(top, at) - mm * y / (tall / 2));
  }

  var tip = document.getElementById("map-tip"), mark = document.getElementById("map-cross"), pointed = null;

  function read() {
    var cell = pointed ? cellAt(pointed.clientX, pointed.clientY) : -1;
    tip.hidden = cell < 0;
    mark.hidden = !(pointed && pointed.byKeys);
    if (cell < 0) { plot.removeAttribute("data-cell"); return; }
    var said = reading(cell), box = plot.getBoundingClientRect();
    tip.textContent = said.join("\n");
    var left = pointed.clientX - box.left, top = pointed.clientY - box.top, flip = left > box.width / 2;
    tip.style.left = flip ? "" : left + 16 + "px";
    tip.style.right = flip ? box.width - left + 16 + "px" : "";
    tip.style.top = Math.min(Math.max(0, top - 20), box.height - 80) + "px";
    pointer.textContent = said.join(" · ");
    plot.setAttribute("data-cell", String(cell));
  }

  var asked = false;
  function point(event) {
    if (event.buttons && event.pointerType === "mouse") { pointed = null; read(); return; } /* he turns the body */
    pointed = event;
    if (asked) return;
    asked = true;
    window.requestAnimationFrame(function () { asked = false; read(); });
  }
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", function () { pointed = null; read(); });

  /* With the shift key the arrows move a cross that reads like the pointer; it starts in the middle of the body's part. */
  var CROSS_STEP_PX = 8;
  function moveCross(right, down) {
    var box = plot.getBoundingClientRect(), at = pointed;
    if (!at || !at.byKeys) at = {
      clientX: box.left + box.width * (DOMAIN.x[0] + DOMAIN.x[1]) / 2, clientY: box.top + box.height * (1 - (DOMAIN.y[0] + DOMAIN.y[1]) / 2)
    };
    pointed = { clientX: at.clientX + right * CROSS_STEP_PX, clientY: at.clientY + down * CROSS_STEP_PX, byKeys: true };
    mark.style.left = pointed.clientX - box.left + "px";
    mark.style.top = pointed.clientY - box.top + "px";
    read();
  }

  /* --- Drawing anew: one at a time; what was asked for meanwhile is drawn next. */

  var BODY = 0, LINES = 1, SOLIDS = 2, drawing = null, again = false;

  function redraw() {
    if (drawing) { again = true; return drawing; }
    var all = lines(), solid = solids(), traces = [BODY, LINES];
    var change = {
      intensity: [colours(), undefined], cmax: [shown.end, undefined],
      x: [undefined, all.x], y: [undefined, all.y], z: [undefined, all.z], "line.color": [undefined, all.colour]
    };
    drawing = Plotly.restyle(plot, change, traces).then(function () {
      if (solid.x.length) return plot.data.length > SOLIDS ? Plotly.restyle(plot, solid.change(), [SOLIDS]) : Plotly.addTraces(plot, solid.trace());
      return plot.data.length > SOLIDS ? Plotly.deleteTraces(plot, [SOLIDS]) : null;
    }).then(function () {
      drawing = null;
      unpicked();
      read();
      plot.setAttribute("data-after", String(shown.after));
      if (!again) return null;
      again = false;
      return redraw();
    });
    return drawing;
  }

  /* plotly draws everything a second time to know what lies under the pointer. Nobody asks it, and that halves the time of
     a step. These are its inner parts: where they are not as known, it goes on drawing twice. */
  function unpicked() {
    var inner = plot._fullLayout && plot._fullLayout.scene && plot._fullLayout.scene._scene, drawing = inner && inner.glplot;
    if (drawing && drawing.objects) drawing.objects.forEach(function (object) { object.drawPick = function () {}; });
  }

  /* --- Controls */

  var slider = document.getElementById("map-after"), play = document.getElementById("map-play"), told = document.getElementById("map-told");
  var controls = document.getElementById("map-controls");

  function tell() {
    var whole = shown.after === events, k = shown.after - 1;
    var said = whole ? "all " + events + " events" : shown.after ? "after event " + shown.after + " of " + events : "before the first event";
    var highest = k < 0 ? 0 : data.so_far.highest_mgy[k], atPeak = k < 0 ? 0 : data.so_far.at_peak_mgy[k];
    told.textContent = said + ": highest cell " + dose(highest) + ", at the peak (1 cm²) " + dose(atPeak);
    told.className = whole ? "" : "partial"; /* nobody shall take it for the whole procedure */
    slider.setAttribute("aria-valuetext", told.textContent);
  }

  function goTo(after) {
    shown.after = Math.max(0, Math.min(events, after));
    slider.value = String(shown.after);
    body.goTo(shown.after);
    tell();
    return redraw();
  }

  var PLAY_STEPS = 100, PLAY_PAUSE_MS = 60, playing = false;

  function playOn() {
    if (!playing) return;
    if (shown.after >= events) { setPlaying(false); return; }
    goTo(shown.after + Math.ceil(events / PLAY_STEPS)).then(function () { window.setTimeout(playOn, PLAY_PAUSE_MS); });
  }

  function setPlaying(on) {
    playing = on;
    play.textContent = on ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(on));
  }

  play.addEventListener("click", function () {
    setPlaying(!playing);
    if (playing && shown.after >= events) { goTo(0).then(playOn); return; }
    playOn();
  });
  slider.addEventListener("input", function () { setPlaying(false); goTo(Number(slider.value)); });

  /* A row of the table of events selects its event. */
  document.querySelectorAll("section.events tbody tr").forEach(function (row) {
    row.addEventListener("click", function () {
      var number = parseInt(row.cells[0].textContent, 10);
      if (number >= 1 && number <= events) { setPlaying(false); goTo(number); }
    });
  });

  function control(id, change) {
    var element = document.getElementById(id);
    if (element) element.addEventListener("change", function () { change(element); });
  }
  control("map-lines", function (box) { shown.lines = box.checked; redraw(); });
  control("map-boxes", function (box) { shown.boxes = box.checked; redraw(); });
  control("map-beams", function (choice) {
    var before = ratio(shown.view).x, zoomed = plot.layout.scene.aspectratio.x / before;
    shown.beams = choice.value;
    redraw().then(function () { /* the reader's own size stays, times what the beams need */
      var size = zoomed * ratio(shown.view).x;
      return shown.close ? null : Plotly.relayout(plot, { "scene.aspectratio": { x: size, y: size, z: size } });
    });
  });
  control("map-end", function (input) {
    var wanted = Number(input.value), fixed = wanted > 0;
    shown.end = fixed ? wanted : data.scale.end;
    Plotly.restyle(plot, {
      cmax: shown.end, "colorbar.tickmode": fixed ? "auto" : "array", "colorbar.nticks": 6,
      "colorbar.title.text": "Skin dose in " + data.scale.unit + (fixed ? ", end fixed" : "")
    }, [BODY]);
  });

  /* Arrows turn the body, plus and minus change its size, digits choose a view. */
  function turn(sideways, upwards) {
    return Plotly.relayout(plot, { "scene.camera": shapes.turned(plot.layout.scene.camera, sideways, upwards) });
  }

  function zoom(by) {
    var size = plot.layout.scene.aspectratio.x * by;
    return Plotly.relayout(plot, { "scene.aspectratio": { x: size, y: size, z: size } });
  }

  var TURN = Math.PI / 12;
  var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  var KEYS = {
    "+": function () { zoom(1.2); }, "-": function () { zoom(1 / 1.2); }
  };
  plot.addEventListener("keydown", function (event) {
    var view = buttons[Number(event.key) - 1], way = ARROWS[event.key], act = KEYS[event.key];
    if (view) act = function () { look(view.dataset.view, false); };
    if (way) act = event.shiftKey ? function () { moveCross(way[0], way[1]); } : function () { turn(-way[0] * TURN, -way[1] * TURN); };
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act();
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

  /* The history is read once the map stands. */
  function ready() {
    pressed();
    plot.on("plotly_relayout", pressed);
    unpicked();
    events = body.readHistory();
    slider.max = String(events);
    slider.value = slider.max;
    shown.after = events;
    if (events) tell();
    controls.hidden = !events;
    plot.setAttribute("data-after", String(shown.after));
    plot.setAttribute("data-drawn", "yes");
  }

  Plotly.newPlot(plot, [skin(), lines().trace(LINE_PX)], layout, { responsive: true, displayModeBar: false, displaylogo: false, plotGlPixelRatio: SHARPNESS })
    .then(ready).then(null, function (error) { failed(error && error.message || "unknown error"); });
})();
