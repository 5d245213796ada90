"""Small bodies and beams for tests, made here so that a test of one room needs no other."""

import numpy as np

from skindose.model import Beams, Events, Layer, Machine, Phantom, Status


def phantom(vertices, triangles, name="test"):
    """A Phantom of any mesh, with everything derived in plain numpy."""
    vertices = np.asarray(vertices, dtype=np.float64)
    triangles = np.asarray(triangles, dtype=np.int32)
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1)
    normal = cross / np.where(length > 0, length, 1.0)[:, None]
    return Phantom(
        name=name,
        vertices_mm=vertices,
        triangles=triangles,
        centroid_mm=corners.mean(axis=1),
        normal=normal,
        area_mm2=length / 2,
        neighbours=_neighbours(triangles),
        region=np.zeros(len(triangles), dtype=np.uint8),
        region_names=("skin",),
        landmarks_mm={"trunk": (0.0, -100.0, -500.0), "heart": (0.0, -120.0, -450.0)},
        parameters={},
        stature_mm=1786.0,
    )


def _neighbours(triangles):
    """(cells, 3) cell across each edge, -1 where not exactly two cells share it."""
    pairs = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].astype(np.int64), axis=2).reshape(-1, 2)
    _, edge, count = np.unique(pairs[:, 0] << 32 | pairs[:, 1], return_inverse=True, return_counts=True)
    sides = np.argsort(edge, kind="stable")
    first, second = sides[count[edge[sides]] == 2].reshape(-1, 2).T
    result = np.full(triangles.size, -1, dtype=np.int32)
    result[first], result[second] = second // 3, first // 3
    return result.reshape(-1, 3)


def sphere(radius_mm, centre=(0.0, 0.0, 0.0), subdivisions=4):
    """Icosphere: vertices, triangles; outward orientation."""
    golden = (1 + 5**0.5) / 2
    vertices = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0), (0, -1, golden), (0, 1, golden)]
    vertices += [(0, -1, -golden), (0, 1, -golden), (golden, 0, -1), (golden, 0, 1), (-golden, 0, -1), (-golden, 0, 1)]
    triangles = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2)]
    triangles += [(10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11)]
    triangles += [(6, 2, 10), (8, 6, 7), (9, 8, 1)]
    vertices = np.array(vertices, dtype=float)
    triangles = np.array(triangles)
    for _ in range(subdivisions):
        vertices, triangles = refined(vertices, triangles)
    vertices *= radius_mm / np.linalg.norm(vertices, axis=1, keepdims=True)
    return vertices + np.asarray(centre), triangles


def refined(vertices, triangles):
    """Every triangle divided in four at the middles of its edges."""
    pairs = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    middle = len(vertices) + inverse.reshape(3, -1)
    grown = np.concatenate([vertices, vertices[unique].mean(axis=1)])
    a, b, c = triangles.T
    ab, bc, ca = middle
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return grown, np.concatenate([np.stack(part, axis=1) for part in parts])


def plate(side_mm, y_mm, cells=10, centre=(0.0, 0.0), facing=1.0):
    """A square plate at y = y_mm, its outer side facing +Y (or -Y)."""
    line = np.linspace(-side_mm / 2, side_mm / 2, cells + 1)
    x, z = np.meshgrid(line + centre[0], line + centre[1], indexing="ij")
    vertices = np.stack([x.ravel(), np.full(x.size, y_mm), z.ravel()], axis=1)
    i, j = (k.ravel() for k in np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij"))
    a, b, c, d = (
        i * (cells + 1) + j,
        (i + 1) * (cells + 1) + j,
        (i + 1) * (cells + 1) + j + 1,
        i * (cells + 1) + j + 1,
    )
    triangles = np.concatenate([np.stack([a, d, b], axis=1), np.stack([b, d, c], axis=1)])
    return vertices, triangles if facing > 0 else triangles[:, ::-1]


def join(*meshes):
    """Several meshes as one."""
    vertices, triangles, offset = [], [], 0
    for v, t in meshes:
        vertices.append(v)
        triangles.append(np.asarray(t) + offset)
        offset += len(v)
    return np.concatenate(vertices), np.concatenate(triangles)


def beam_axes(axis):
    """Any two unit vectors u, v with axis = u x v."""
    axis = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = np.cross(helper, axis)
    u /= np.linalg.norm(u)
    return axis, u, np.cross(axis, u)


def beams(rows, slabs=(), rotation=None, origin=None):
    """Beams from dicts: source, axis, field (4 at the reference plane), reference, optional u, v, circular, kerma."""
    axes = [(r["axis"], r["u"], r["v"]) if "u" in r else beam_axes(r["axis"]) for r in rows]
    count = len(rows)
    layers = tuple(Layer(f"layer {k}", "carbon fibre", s[2], s[3] - s[2], s[1], -s[4]) for k, s in enumerate(slabs))
    return Beams(
        event=np.arange(count, dtype=np.int32),
        weight=np.ones(count),
        source_mm=np.array([r["source"] for r in rows], dtype=float).reshape(count, 3),
        axis=np.array([a[0] for a in axes]).reshape(count, 3),
        u=np.array([a[1] for a in axes]).reshape(count, 3),
        v=np.array([a[2] for a in axes]).reshape(count, 3),
        field_mm=np.array([r["field"] for r in rows], dtype=float).reshape(count, 4),
        circular=np.array([r.get("circular", False) for r in rows], dtype=bool),
        reference_distance_mm=np.array([r["reference"] for r in rows], dtype=float),
        air_kerma_rp_mgy=np.array([r.get("kerma", 1.0) for r in rows], dtype=float),
        table_rotation=np.broadcast_to(np.eye(3) if rotation is None else rotation, (count, 3, 3)).copy(),
        table_origin_mm=np.broadcast_to(np.zeros(3) if origin is None else origin, (count, 3)).copy(),
        support_mm=np.array(slabs, dtype=float).reshape(-1, 6),
        support=layers,
    )


def machine(**changes):
    """A made-up machine with a table and a pad, DICOM's conventions and known zeros."""
    layers = (
        Layer("table top", "carbon fibre", 0.0, 1.5, 225.0, 2800.0),
        Layer("pad", "polyurethane", -40.0, 40.0, 225.0, 2000.0),
    )
    values = {
        "profile": "made-up",
        "profile_status": "commissioned",
        "has_table": True,
        "height_zero_known": True,
        "lateral_zero_known": True,
        "longitudinal_zero_known": True,
        "angles_relative_to": "patient",
        "axis_order": "primary-secondary",
        "inherent_filtration_mmal": 2.5,
        "anode_angle_deg": 11.0,
        "detector_side_mm": 300.0,
        "support": layers,
        "transmission": "",
    }
    return Machine(**{**values, **changes})


EVENT = {
    "air_kerma_rp_mgy": 10.0,
    "kap_gycm2": 1.0,
    "irradiation_duration_s": 1.0,
    "kvp_kv": 80.0,
    "filter_al_mm": 0.0,
    "filter_cu_mm": 0.2,
    "positioner_primary_angle_deg": 0.0,
    "positioner_secondary_angle_deg": 0.0,
    "positioner_primary_end_angle_deg": np.nan,
    "positioner_secondary_end_angle_deg": np.nan,
    "distance_source_to_isocenter_mm": 750.0,
    "distance_source_to_detector_mm": 1000.0,
    "distance_source_to_reference_point_mm": 600.0,
    "table_longitudinal_position_mm": 0.0,
    "table_lateral_position_mm": 450.0,
    "table_height_position_mm": 150.0,
    "table_head_tilt_angle_deg": 0.0,
    "table_horizontal_rotation_angle_deg": 0.0,
    "table_cradle_tilt_angle_deg": 0.0,
    "table_longitudinal_end_position_mm": np.nan,
    "table_lateral_end_position_mm": np.nan,
    "table_height_end_position_mm": np.nan,
    "table_head_tilt_end_angle_deg": np.nan,
    "table_cradle_tilt_end_angle_deg": np.nan,
    "field_u_min_mm": -50.0,
    "field_u_max_mm": 50.0,
    "field_v_min_mm": -50.0,
    "field_v_max_mm": 50.0,
    "field_rotation_deg": 0.0,
}


def events(*rows, made_up=None, orientation="", **changes):
    """Events from dicts that say what differs from `EVENT`; all reported, all mapped."""
    count = len(rows)
    columns = {name: np.array([row.get(name, value) for row in rows], dtype=float) for name, value in EVENT.items()}
    values = {
        "machine": made_up or machine(),
        "totals": (),
        "region": "heart",
        "region_status": Status.REPORTED,
        "region_reason": "the test",
        "registered_orientation": orientation,
        "uid": tuple(f"1.2.{k}" for k in range(count)),
        "started": ("",) * count,
        "plane": tuple(row.get("plane", "single") for row in rows),
        "event_type": tuple(row.get("event_type", "fluoroscopy") for row in rows),
        "protocol": ("",) * count,
        "field_shape": tuple(row.get("field_shape", "rectangle") for row in rows),
        "mapped": np.ones(count, dtype=bool),
        "unmapped_reason": ("",) * count,
        "status": {name: np.full(count, Status.REPORTED, dtype=np.uint8) for name in EVENT},
        **columns,
    }
    return Events(**{**values, **changes})


def lying_box(width_mm=400.0, depth_mm=200.0, stature_mm=1786.0):
    """A closed box in the patient frame: crown at z = 0, back at y = 0."""
    x, y, z = width_mm / 2, depth_mm, stature_mm
    corners = [(sx * x, sy, sz) for sz in (-z, 0.0) for sy in (-y, 0.0) for sx in (-1, 1)]
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return phantom(np.array(corners, dtype=float), np.array(triangles))
