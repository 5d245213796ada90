/* Reads the packed map of report.html: skin cells, their dose after each event, lines of equal dose, the cell under a
   place on the screen. Lengths in mm, doses in mGy. Draws nothing. */
(function () {
  "use strict";

  /* --- Packed arrays: base64 of raw deflate (RFC 1951) of the values' bytes, lowest byte of every value first. */

  var LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  var LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  var BACK_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577];
  var BACK_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  var CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  /* Code lengths -> a table looked up with the next `bits` bits: symbol * 16 + length of its code. */
  function codeTable(lengths) {
    var count = new Array(16).fill(0), next = new Array(16).fill(0), bits = 1, code = 0, k;
    for (k = 0; k < lengths.length; k++) count[lengths[k]]++;
    count[0] = 0;
    for (k = 1; k < 16; k++) {
      if (count[k]) bits = k;
      next[k] = code = (code + count[k - 1]) << 1;
    }
    var table = new Uint16Array(1 << bits);
    for (var symbol = 0; symbol < lengths.length; symbol++) {
      var length = lengths[symbol];
      if (!length) continue;
      var reversed = 0;
      for (k = 0, code = next[length]++; k < length; k++) reversed |= (code >> k & 1) << (length - 1 - k);
      for (k = reversed; k < table.length; k += 1 << length) table[k] = symbol << 4 | length;
    }
    return { table: table, bits: bits };
  }

  function repeated(value, count) { return new Array(count).fill(value); }

  var FIXED = [codeTable(repeated(8, 144).concat(repeated(9, 112), repeated(7, 24), repeated(8, 8))), codeTable(repeated(5, 30))];

  function inflate(from, size) {
    var out = new Uint8Array(size), at = 0, read = 0, held = 0, have = 0;

    function take(count) {
      while (have < count) { held |= from[read++] << have; have += 8; }
      var value = held & ((1 << count) - 1);
      held >>>= count;
      have -= count;
      return value;
    }

    function symbol(code) {
      while (have < code.bits) { held |= from[read++] << have; have += 8; }
      var found = code.table[held & ((1 << code.bits) - 1)], length = found & 15;
      held >>>= length;
      have -= length;
      return found >> 4;
    }

    function ownCodes() {
      var literals = take(5) + 257, backs = take(5) + 1, count = take(4) + 4, lengths = repeated(0, 19), all = [];
      for (var k = 0; k < count; k++) lengths[CODE_ORDER[k]] = take(3);
      var code = codeTable(lengths);
      while (all.length < literals + backs) {
        var next = symbol(code), times = 1, value = next;
        if (next === 16) { times = 3 + take(2); value = all[all.length - 1]; }
        if (next > 16) { times = next === 17 ? 3 + take(3) : 11 + take(7); value = 0; }
        while (times--) all.push(value);
      }
      return [codeTable(all.slice(0, literals)), codeTable(all.slice(literals))];
    }

    function stored() {
      read -= have >> 3; /* whole bytes that were read ahead */
      held = have = 0;
      var length = from[read] | from[read + 1] << 8;
      out.set(from.subarray(read + 4, read + 4 + length), at);
      read += 4 + length;
      at += length;
    }

    for (var last = 0; !last;) {
      last = take(1);
      var kind = take(2);
      if (kind === 0) { stored(); continue; }
      var codes = kind === 1 ? FIXED : ownCodes(), next;
      while ((next = symbol(codes[0])) !== 256) {
        if (next < 256) { out[at++] = next; continue; }
        var length = LENGTH_BASE[next - 257] + take(LENGTH_BITS[next - 257]);
        next = symbol(codes[1]);
        var back = BACK_BASE[next] + take(BACK_BITS[next]);
        for (; length; length--, at++) out[at] = out[at - back];
      }
    }
    if (at !== size) throw new Error("the packed map is damaged");
    return out;
  }

  function unpack(text, Type, count) {
    var raw = atob(text), bytes = new Uint8Array(raw.length), size = Type.BYTES_PER_ELEMENT;
    for (var k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    var planes = inflate(bytes, count * size), together = new Uint8Array(planes.length);
    for (var plane = 0; plane < size; plane++)
      for (k = 0; k < count; k++) together[k * size + plane] = planes[plane * count + k];
    return new Type(together.buffer); /* every browser's machine has the lowest byte first */
  }

  /* Differences -> values, modulo what the type holds. */
  function summed(values) {
    for (var k = 1; k < values.length; k++) values[k] += values[k - 1];
    return values;
  }

  /* --- The body */

  function Body(data) {
    var count = data.vertices, places = unpack(data.places, Uint16Array, 3 * count);
    this.axes = [0, 1, 2].map(function (axis) {
      var out = new Float32Array(count);
      for (var k = 0; k < count; k++) out[k] = data.low_mm[axis] + data.step_mm * places[axis * count + k];
      return out;
    });
    this.cells = data.cells;
    this.corners = summed(unpack(data.triangles, data.index === "u2" ? Uint16Array : Uint32Array, 3 * data.cells));
    this.region = unpack(data.region, Uint8Array, data.cells);
    this.finalMgy = unpack(data.dose_mgy, Float32Array, data.cells);
    this.doseMgy = this.finalMgy; /* after the event that is shown */
    this.spread = unpack(data.spread, Uint16Array, data.cells);
    this.data = data;
    this.highestMgy = 0;
    for (var cell = 0; cell < data.cells; cell++) this.highestMgy = Math.max(this.highestMgy, this.finalMgy[cell]);
  }

  Body.prototype.point = function (vertex) { return [this.axes[0][vertex], this.axes[1][vertex], this.axes[2][vertex]]; };

  Body.prototype.centre = function (cell) {
    var corners = this.corners;
    return this.axes.map(function (places) {
      return (places[corners[3 * cell]] + places[corners[3 * cell + 1]] + places[corners[3 * cell + 2]]) / 3;
    });
  };

  /* In words. */
  Body.prototype.place = function (cell) {
    var centre = this.centre(cell), left = Math.round(centre[0]), down = Math.round(-centre[2]);
    return Math.abs(left) + " mm " + (left < 0 ? "right" : "left") + " of the middle, " + down + " mm below the crown";
  };

  /* Twice the area of a triangle along its outward normal. */
  function facing(axes, a, b, c) {
    var x = axes[0], y = axes[1], z = axes[2];
    var px = x[b] - x[a], py = y[b] - y[a], pz = z[b] - z[a], qx = x[c] - x[a], qy = y[c] - y[a], qz = z[c] - z[a];
    return [py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx];
  }

  /* Standard uncertainty of a cell's final dose. */
  Body.prototype.uncertaintyMgy = function (cell) {
    var code = this.spread[cell];
    return code ? this.finalMgy[cell] * Math.exp((code - this.data.spread_zero) / this.data.spread_steps) : 0;
  };

  /* Cells with a vertex of those that `chosen` (cells,) marks. */
  Body.prototype.around = function (chosen) {
    var touched = new Uint8Array(this.axes[0].length), out = new Uint8Array(this.cells), corners = this.corners, k;
    for (k = 0; k < corners.length; k++) if (chosen[k / 3 | 0]) touched[corners[k]] = 1;
    for (k = 0; k < corners.length; k++) if (touched[corners[k]]) out[k / 3 | 0] = 1;
    return out;
  };

  /* The mesh that is drawn: cells with dose worth a colour and their neighbours as they are; of the others those vertices
     are one that lie in one cube of a grid, at their mean. No edge opens: whoever shares a vertex still does. Where a
     triangle would turn over or lie on its side, its vertices stay their own; that settles in a few rounds.
     Returns axes, corners and, per triangle drawn, the cell that it stands for. */
  Body.prototype.drawn = function (gridMm, mostCells) {
    var kept = this.around(this.worthAColour(mostCells)), own = new Uint8Array(this.axes[0].length), corners = this.corners;
    for (var k = 0; k < corners.length; k++) if (kept[k / 3 | 0]) own[corners[k]] = 1;
    for (var round = 0, mesh; round < 8; round++) {
      mesh = this.merged(gridMm, own);
      var turned = this.turned(mesh);
      if (!turned.length) break;
      turned.forEach(function (cell) { own[corners[3 * cell]] = own[corners[3 * cell + 1]] = own[corners[3 * cell + 2]] = 1; });
    }
    return mesh;
  };

  /* The mesh with the vertices of each cube made one, but for those that `own` (vertices,) marks. */
  Body.prototype.merged = function (gridMm, own) {
    var count = own.length, axes = this.axes, corners = this.corners, low = this.data.low_mm, groups = 0, k;
    var wide = Math.ceil(65536 * this.data.step_mm / gridMm) + 1, home = new Int32Array(wide * wide * wide);
    var to = new Int32Array(count), members = new Float32Array(count), sums = [0, 1, 2].map(function () { return new Float32Array(count); });
    for (var vertex = 0; vertex < count; vertex++) {
      var cube = 0, group = -1;
      if (!own[vertex]) {
        for (k = 0; k < 3; k++) cube = cube * wide + Math.floor((axes[k][vertex] - low[k]) / gridMm + 1e-3);
        group = home[cube] - 1;
      }
      if (group < 0) {
        group = groups++;
        if (!own[vertex]) home[cube] = groups;
      }
      members[group]++;
      for (k = 0; k < 3; k++) sums[k][group] += axes[k][vertex];
      to[vertex] = group;
    }
    var cells = new Int32Array(this.cells), ends = [0, 1, 2].map(function () { return new Int32Array(corners.length / 3); }), n = 0;
    for (var cell = 0; cell < this.cells; cell++) {
      var a = to[corners[3 * cell]], b = to[corners[3 * cell + 1]], c = to[corners[3 * cell + 2]];
      if (a === b || b === c || c === a) continue;
      ends[0][n] = a;
      ends[1][n] = b;
      ends[2][n] = c;
      cells[n++] = cell;
    }
    return {
      axes: sums.map(function (sum) { return sum.slice(0, groups).map(function (value, g) { return value / members[g]; }); }),
      corners: ends.map(function (end) { return end.slice(0, n); }), cells: cells.slice(0, n)
    };
  };

  /* Cells whose triangle in `mesh` is turned by more than 60 degrees. */
  Body.prototype.turned = function (mesh) {
    var found = [], i = mesh.corners[0], j = mesh.corners[1], k = mesh.corners[2];
    for (var n = 0; n < mesh.cells.length; n++) {
      var was = facing(this.axes, this.corners[3 * mesh.cells[n]], this.corners[3 * mesh.cells[n] + 1], this.corners[3 * mesh.cells[n] + 2]);
      var now = facing(mesh.axes, i[n], j[n], k[n]);
      var along = was[0] * now[0] + was[1] * now[1] + was[2] * now[2];
      if (along <= 0.5 * Math.sqrt((was[0] * was[0] + was[1] * was[1] + was[2] * was[2]) * (now[0] * now[0] + now[1] * now[1] + now[2] * now[2])))
        found.push(mesh.cells[n]);
    }
    return found;
  };

  /* (cells,) marks those with at least 0.2 % of the highest dose, or fewer where they were too many to draw quickly. */
  Body.prototype.worthAColour = function (mostCells) {
    var least = 0.002 * this.highestMgy, doses = this.finalMgy.filter(function (mgy) { return mgy > least; });
    if (doses.length > mostCells) least = doses.sort()[doses.length - mostCells];
    return Uint8Array.from(this.finalMgy, function (mgy) { return mgy > least ? 1 : 0; });
  };

  /* --- Dose so far */

  /* Reads the history; returns after how many events there is one. */
  Body.prototype.readHistory = function () {
    var told = this.data.so_far;
    if (!told) return 0;
    this.events = told.highest_mgy.length;
    this.known = summed(unpack(told.cells, Uint32Array, told.count));
    this.start = unpack(told.start, Uint16Array, told.count);
    /* by event the low bytes of all cells, then their high bytes */
    var raw = atob(told.falls), bytes = new Uint8Array(raw.length);
    for (var k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    this.falls = inflate(bytes, 2 * this.events * told.count);
    this.level = new Uint16Array(told.count);
    this.after = this.events;
    return this.events;
  };

  /* Sets `doseMgy` to the dose after so many events; the last is the map as it is. */
  Body.prototype.goTo = function (after) {
    var count = this.known.length, level = this.level, falls = this.falls, start = this.start;
    for (; this.after > after; this.after--)
      for (var k = 0, low = 2 * count * (this.after - 1); k < count; k++) level[k] += falls[low + k] | falls[low + count + k] << 8;
    for (; this.after < after; this.after++)
      for (k = 0, low = 2 * count * this.after; k < count; k++) level[k] -= falls[low + k] | falls[low + count + k] << 8;
    if (after === this.events) { this.doseMgy = this.finalMgy; return; }
    this.doseMgy = new Float32Array(this.cells);
    for (k = 0; k < count; k++) {
      var cell = this.known[k];
      if (level[k] < start[k]) this.doseMgy[cell] = this.finalMgy[cell] * Math.exp(-this.data.so_far.log_step * level[k]);
    }
  };

  /* Where a dose so far of 0 means only "less than this": its limit; else 0. */
  Body.prototype.below = function (cell) {
    if (this.doseMgy === this.finalMgy || this.doseMgy[cell] > 0 || !(this.finalMgy[cell] > 0)) return 0;
    var limits = this.data.so_far.below_mgy;
    return this.finalMgy[cell] > limits[1] ? limits[0] : this.finalMgy[cell];
  };

  /* --- Lines of equal dose */

  /* Mean dose of the cells around each vertex, by area, near cells with dose; then for every cell that a level crosses a
     straight piece. Calls piece(from, to) with points a little off the skin. */
  Body.prototype.vertexDoses = function () {
    var k, cell;
    if (!this.near) {
      var least = 0.01 * this.highestMgy;
      var marked = this.around(Uint8Array.from(this.finalMgy, function (mgy) { return mgy > least ? 1 : 0; }));
      this.near = [];
      this.normals = [];
      this.weight = new Float32Array(this.axes[0].length);
      this.areas = [];
      for (cell = 0; cell < this.cells; cell++) {
        if (!marked[cell]) continue;
        var normal = facing(this.axes, this.corners[3 * cell], this.corners[3 * cell + 1], this.corners[3 * cell + 2]), size = Math.hypot(normal[0], normal[1], normal[2]) || 1e-9;
        this.near.push(cell);
        this.areas.push(size);
        this.normals.push([normal[0] / size, normal[1] / size, normal[2] / size]);
        for (k = 0; k < 3; k++) this.weight[this.corners[3 * cell + k]] += size;
      }
    }
    var dose = new Float32Array(this.weight.length);
    for (var n = 0; n < this.near.length; n++)
      for (k = 0, cell = this.near[n]; k < 3; k++) {
        var vertex = this.corners[3 * cell + k];
        dose[vertex] += this.doseMgy[cell] * this.areas[n] / this.weight[vertex];
      }
    return dose;
  };

  var LIFT_MM = 1.5;

  Body.prototype.line = function (dose, levelMgy, piece) {
    for (var n = 0; n < this.near.length; n++) {
      var first = 3 * this.near[n], ends = [];
      for (var k = 0; k < 3; k++) {
        var a = this.corners[first + k], b = this.corners[first + (k + 1) % 3];
        if ((dose[a] >= levelMgy) === (dose[b] >= levelMgy)) continue;
        var share = (levelMgy - dose[a]) / (dose[b] - dose[a]), normal = this.normals[n];
        ends.push(this.axes.map(function (places, axis) {
          return places[a] + share * (places[b] - places[a]) + LIFT_MM * normal[axis];
        }));
      }
      if (ends.length === 2) piece(ends[0], ends[1]);
    }
  };

  /* --- The pointer */

  /* How the body lies on a screen with these unit vectors to the right, up and towards the eye. */
  Body.prototype.project = function (right, up, near) {
    var axes = this.axes, count = axes[0].length;
    this.onScreen = [right, up, near].map(function (way) {
      var out = new Float32Array(count);
      for (var k = 0; k < count; k++) out[k] = way[0] * axes[0][k] + way[1] * axes[1][k] + way[2] * axes[2][k];
      return out;
    });
  };

  /* The cell nearest to the eye at this place on the screen, in mm right of and above the origin; -1 beside the body. */
  Body.prototype.cellAt = function (x, y) {
    var xs = this.onScreen[0], ys = this.onScreen[1], zs = this.onScreen[2], corners = this.corners, best = -1, nearest = -Infinity;
    for (var k = 0, cell = 0; k < corners.length; k += 3, cell++) {
      var a = corners[k], b = corners[k + 1], c = corners[k + 2];
      var ax = xs[a] - x, ay = ys[a] - y, bx = xs[b] - x, by = ys[b] - y, cx = xs[c] - x, cy = ys[c] - y;
      var wa = bx * cy - by * cx, wb = cx * ay - cy * ax, wc = ax * by - ay * bx;
      if (wa < 0 || wb < 0 || wc < 0) continue; /* beside it, or seen from inside */
      var sum = wa + wb + wc;
      if (!(sum > 0)) continue;
      var depth = (wa * zs[a] + wb * zs[b] + wc * zs[c]) / sum;
      if (depth > nearest) { nearest = depth; best = cell; }
    }
    return best;
  };

  Body.unpack = unpack;
  window.SkinBody = Body;
})();
