"""Concept codes of the dose report templates -> our names: DICOM keyword style, in snake case, without unit.

Source: DICOM PS3.16, TID 1002, 1004, 10001 to 10007. Concepts are matched on their code, never on their
meaning, which makers spell freely; SNOMED CT and SNOMED RT twins stand side by side. A concept of no table (a private
one) has no name and is found by its own code.
"""

from __future__ import annotations

from skindose.model import Code

_DCM = {
    # TID 10001, root and observer context
    "113701": "x_ray_radiation_dose_report",
    "121058": "procedure_reported",
    "122142": "acquisition_device_type",
    "113705": "scope_of_accumulation",
    "110180": "study_instance_uid",
    "121126": "performed_procedure_step_sop_instance_uid",
    "112002": "series_instance_uid",
    "113943": "x_ray_source_data_available",
    "113944": "x_ray_mechanical_data_available",
    "113945": "x_ray_detector_data_available",
    "121106": "comment",
    "113854": "source_of_dose_information",
    "121005": "observer_type",
    "121012": "device_observer_uid",
    "121013": "device_observer_name",
    "121014": "device_observer_manufacturer",
    "121015": "device_observer_model_name",
    "121016": "device_observer_serial_number",
    "121017": "device_observer_physical_location",
    "113876": "device_role_in_procedure",
    "113877": "device_name",
    "113878": "device_manufacturer",
    "113879": "device_model_name",
    "113880": "device_serial_number",
    # TID 10002, 10004, 10007: accumulated data
    "113702": "accumulated_x_ray_dose_data",
    "113764": "acquisition_plane",
    "122505": "calibration",
    "113794": "dose_measurement_device",
    "113723": "calibration_date_time",
    "122322": "calibration_factor",
    "113763": "calibration_uncertainty",
    "113724": "calibration_responsible_party",
    "113720": "calibration_protocol",
    "113722": "dose_area_product_total",
    "113725": "dose_rp_total",
    "113726": "fluoro_dose_area_product_total",
    "113727": "acquisition_dose_area_product_total",
    "113728": "fluoro_dose_rp_total",
    "113729": "acquisition_dose_rp_total",
    "113730": "total_fluoro_time",
    "113855": "total_acquisition_time",
    "113731": "total_number_of_radiographic_frames",
    "111637": "accumulated_average_glandular_dose",
    "113812": "total_number_of_irradiation_events",
    # TID 10003: irradiation event
    "113706": "irradiation_event_x_ray_data",
    "113769": "irradiation_event_uid",
    "113605": "irradiation_event_label",
    "113606": "label_type",
    "111526": "date_time_started",
    "113721": "irradiation_event_type",
    "125203": "acquisition_protocol",
    "111031": "image_view",
    "111032": "image_view_modifier",
    "113946": "projection_eponymous_name",
    "113745": "patient_table_relationship",
    "113743": "patient_orientation",
    "113744": "patient_orientation_modifier",
    "123014": "target_region",
    "122130": "dose_area_product",
    "111634": "half_value_layer",
    "111638": "patient_equivalent_thickness",
    "111636": "entrance_exposure_at_rp",
    "113780": "reference_point_definition",
    # TID 10003A, B: detector, source
    "113845": "exposure_index",
    "113846": "target_exposure_index",
    "113847": "deviation_index",
    "113738": "dose_rp",
    "111631": "average_glandular_dose",
    "113732": "fluoro_mode",
    "113791": "pulse_rate",
    "113768": "number_of_pulses",
    "121401": "derivation",
    "113793": "pulse_width",
    "113742": "irradiation_duration",
    "113733": "kvp",
    "113734": "x_ray_tube_current",
    "113767": "average_x_ray_tube_current",
    "113824": "exposure_time",
    "113735": "exposure_time",  # superseded by 113824
    "113736": "exposure",
    "113766": "focal_spot_size",
    "111632": "anode_target_material",
    "113771": "x_ray_filters",
    "113772": "x_ray_filter_type",
    "113757": "x_ray_filter_material",
    "113758": "x_ray_filter_thickness_minimum",
    "113773": "x_ray_filter_thickness_maximum",
    "113790": "collimated_field_area",
    "113788": "collimated_field_height",
    "113789": "collimated_field_width",
    "111635": "x_ray_grid",
    # TID 10003C, D: mechanics
    "113956": "cr_dr_mechanical_configuration",
    "112011": "positioner_primary_angle",
    "112012": "positioner_secondary_angle",
    "113739": "positioner_primary_end_angle",
    "113740": "positioner_secondary_end_angle",
    "113770": "column_angulation",
    "113754": "table_head_tilt_angle",
    "113755": "table_horizontal_rotation_angle",
    "113756": "table_cradle_tilt_angle",
    "111633": "compression_thickness",
    "113748": "distance_source_to_isocenter",
    "113737": "distance_source_to_reference_point",
    "113750": "distance_source_to_detector",
    "113751": "table_longitudinal_position",
    "113752": "table_lateral_position",
    "113753": "table_height_position",
    "113792": "distance_source_to_table_plane",
}
_SNOMED = {
    "363703001": "has_intent",
    "G-C0E8": "has_intent",
    "91723000": "anatomical_structure",
    "T-D0005": "anatomical_structure",
    "272741003": "laterality",
    "G-C171": "laterality",
}
_NAMES = {**_DCM, **_SNOMED}
_PUBLIC_SCHEMES = frozenset(("DCM", "SCT", "SRT", "SNM3", "99SDM", "UMLS", "LN", ""))

NAMES = tuple(sorted(set(_NAMES.values())))
"""Every name that `concept_name` gives."""


def concept_name(concept: Code) -> str:
    """Our name of a concept, "" for a private or unknown one.

    The scheme is wrong now and then, so the value decides, except in a private scheme ("99..."): there 001 may be
    anything.
    """
    scheme = concept.scheme.upper()
    if scheme not in _PUBLIC_SCHEMES and scheme.startswith("99"):
        return ""
    return _NAMES.get(concept.value, "")
