/* What stands beside the body on the page's map: lines and solids, the numbers and the vectors they are made with. */
(function () {
  "use strict";

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

  /* --- Vectors */

  function cross(a, b) { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
  function dot(a, b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
  function unit(a) { var size = Math.sqrt(dot(a, a)) || 1; return [a[0] / size, a[1] / size, a[2] / size]; }
  function between(a, b) { return a.map(function (value, k) { return (value + b[k]) / 2; }); }
  function xyz(vector, by) { return { x: by * vector[0], y: by * vector[1], z: by * vector[2] }; }

  var PEAK_COLOUR = "#0b5fc4", BEAM_COLOUR = "#7a4b00", BOX_COLOUR = "#7d8896", RING_MM = 12, SOURCE_MM = 20;
  var BOX_EDGES = [[0, 1, 3, 2, 0, 4, 5, 7, 6, 4], [1, 5], [2, 6], [3, 7]];
  var BOX_FACES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]];

  /* --- Lines: isodoses, the ring around the peak, edges of beams, table and pad; one trace for all. */

  function Lines() { this.x = []; this.y = []; this.z = []; this.colour = []; }

  Lines.prototype.add = function (points, colour) {
    for (var k = 0; k <= points.length; k++) {
      var point = points[k] || [null, null, null]; /* a gap ends each line */
      this.x.push(point[0]);
      this.y.push(point[1]);
      this.z.push(point[2]);
      this.colour.push(colour);
    }
  };

  Lines.prototype.ring = function (at_mm, normal) {
    var p = unit(cross(normal, Math.abs(normal[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0])), q = cross(normal, p);
    var points = [];
    for (var k = 0; k <= 32; k++) {
      var c = RING_MM * Math.cos(k * Math.PI / 16), s = RING_MM * Math.sin(k * Math.PI / 16);
      points.push(at_mm.map(function (at, axis) { return at + c * p[axis] + s * q[axis]; }));
    }
    this.add(points, PEAK_COLOUR);
  };

  /* A beam is five points: the focal spot and the corners at the detector. */
  Lines.prototype.beam = function (beam) {
    this.add([beam[1], beam[2], beam[3], beam[4], beam[1], beam[0], beam[2]], BEAM_COLOUR);
    this.add([beam[3], beam[0], beam[4]], BEAM_COLOUR);
  };

  Lines.prototype.beamAxis = function (beam) { this.add([beam[0], between(beam[1], beam[3])], BEAM_COLOUR); };

  Lines.prototype.box = function (corners_mm) {
    var all = this;
    BOX_EDGES.forEach(function (edge) { all.add(edge.map(function (k) { return corners_mm[k]; }), BOX_COLOUR); });
  };

  /* A trace must not be empty. */
  Lines.prototype.atLeast = function (point) { if (!this.x.length) this.add([point, point], PEAK_COLOUR); };

  Lines.prototype.trace = function (width) {
    return {
      type: "scatter3d", mode: "lines", hoverinfo: "skip", showlegend: false, connectgaps: false,
      x: this.x, y: this.y, z: this.z, line: { color: this.colour, width: width }
    };
  };

  /* --- Solids seen through: table, pad, the selected event's beam with its source and detector */

  function Solid() { this.x = []; this.y = []; this.z = []; this.i = []; this.j = []; this.k = []; this.colour = []; }

  Solid.prototype.face = function (points, colour) {
    var first = this.x.length;
    for (var n = 0; n < points.length; n++) {
      this.x.push(points[n][0]);
      this.y.push(points[n][1]);
      this.z.push(points[n][2]);
      if (n < 2) continue;
      this.i.push(first);
      this.j.push(first + n - 1);
      this.k.push(first + n);
      this.colour.push(colour);
    }
  };

  Solid.prototype.source = function (at) {
    var ends = [0, 1, 2].map(function (axis) {
      return [-1, 1].map(function (sign) { return at.map(function (value, k) { return value + (k === axis ? sign * SOURCE_MM : 0); }); });
    });
    for (var k = 0; k < 8; k++) this.face([ends[0][k & 1], ends[1][k >> 1 & 1], ends[2][k >> 2]], BEAM_COLOUR);
  };

  Solid.prototype.beam = function (beam) {
    for (var k = 1; k <= 4; k++) this.face([beam[0], beam[k], beam[k % 4 + 1]], "#e8a317");
    this.face(beam.slice(1), BOX_COLOUR);
    this.source(beam[0]);
  };

  Solid.prototype.box = function (corners_mm) {
    var all = this;
    BOX_FACES.forEach(function (face) { all.face(face.map(function (k) { return corners_mm[k]; }), BOX_COLOUR); });
  };

  Solid.prototype.trace = function () {
    return {
      type: "mesh3d", hoverinfo: "skip", showscale: false, opacity: 0.14, flatshading: true, lighting: { ambient: 1, diffuse: 0, specular: 0 },
      x: this.x, y: this.y, z: this.z, i: this.i, j: this.j, k: this.k, facecolor: this.colour
    };
  };

  /* What of a trace that is drawn changes. */
  Solid.prototype.change = function () {
    var trace = this.trace(), change = {};
    ["x", "y", "z", "i", "j", "k", "facecolor"].forEach(function (name) { change[name] = [trace[name]]; });
    return change;
  };

  /* The least and the greatest of each coordinate, of points and of vertices given axis by axis. */
  function bounds(axes, points) {
    var low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    function grow(point) {
      for (var axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis], point[axis]);
        high[axis] = Math.max(high[axis], point[axis]);
      }
    }
    for (var v = 0; v < axes[0].length; v++) grow([axes[0][v], axes[1][v], axes[2][v]]);
    points.forEach(grow);
    return [low, high];
  }

  /* plotly's camera, turned by angles about its upward axis and the one to its right. */
  function turned(camera, sideways, upwards) {
    var eye = [camera.eye.x, camera.eye.y, camera.eye.z], up = unit([camera.up.x, camera.up.y, camera.up.z]);
    function about(vector, by, angle) {
      var c = Math.cos(angle), s = Math.sin(angle), over = cross(by, vector), along = dot(by, vector) * (1 - c);
      return vector.map(function (value, k) { return value * c + over[k] * s + by[k] * along; });
    }
    var right = unit(cross(up, eye));
    eye = about(about(eye, up, sideways), right, upwards);
    return Object.assign({}, camera, { eye: xyz(eye, 1), up: xyz(about(up, right, upwards), 1) });
  }

  /* Nothing of an axis is seen. It is not called invisible, for then plotly shapes the texts of ticks all the same. */
  function axis(from, to) {
    return {
      range: [from, to], showspikes: false, showgrid: false, showline: false, zeroline: false,
      showbackground: false, showticklabels: false, ticks: "", tickmode: "array", tickvals: [], title: { text: "" }
    };
  }

  window.SkinShapes = { dose: dose, cross: cross, dot: dot, unit: unit, xyz: xyz, bounds: bounds, turned: turned, axis: axis, Lines: Lines, Solid: Solid };
})();
