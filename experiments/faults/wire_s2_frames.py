"""True messages of an S2 resource manager under each control type, which `iles faults --wire` spoils."""

from __future__ import annotations

import uuid

_AT = "2026-05-20T12:00:00Z"
_IDS = [str(uuid.UUID(int=number)) for number in range(1, 12)]
_RANGE = {"start_of_range": 0.0, "end_of_range": 2000.0, "commodity_quantity": "ELECTRIC.POWER.L1"}
_LEVEL = {"start_of_range": 15.0, "end_of_range": 30.0}
STEPS = (
    {"message_type": "Handshake", "message_id": _IDS[0], "role": "RM", "supported_protocol_versions": ["0.0.2-beta"]},
    {
        "message_type": "ResourceManagerDetails",
        "message_id": _IDS[1],
        "resource_id": _IDS[2],
        "roles": [{"role": "ENERGY_CONSUMER", "commodity": "ELECTRICITY"}],
        "instruction_processing_delay": 0,
        "available_control_types": [
            "FILL_RATE_BASED_CONTROL",
            "OPERATION_MODE_BASED_CONTROL",
            "POWER_ENVELOPE_BASED_CONTROL",
            "POWER_PROFILE_BASED_CONTROL",
        ],
        "provides_forecast": False,
        "provides_power_measurement_types": ["ELECTRIC.POWER.L1"],
    },
)
DESCRIBED = (
    {
        "message_type": "OMBC.SystemDescription",
        "message_id": _IDS[3],
        "valid_from": _AT,
        "operation_modes": [
            {"id": _IDS[4], "power_ranges": [_RANGE], "abnormal_condition_only": False},
            {"id": _IDS[5], "power_ranges": [{**_RANGE, "end_of_range": 0.0}], "abnormal_condition_only": False},
        ],
        "transitions": [
            {
                "id": _IDS[6],
                "from": _IDS[4],
                "to": _IDS[5],
                "start_timers": [],
                "blocking_timers": [_IDS[7]],
                "abnormal_condition_only": False,
            }
        ],
        "timers": [{"id": _IDS[7], "duration": 1000}],
    },
    {
        "message_type": "OMBC.Status",
        "message_id": _IDS[8],
        "active_operation_mode_id": _IDS[4],
        "operation_mode_factor": 0.5,
    },
    {"message_type": "OMBC.TimerStatus", "message_id": _IDS[9], "timer_id": _IDS[7], "finished_at": _AT},
    {
        "message_type": "FRBC.SystemDescription",
        "message_id": _IDS[10],
        "valid_from": _AT,
        "actuators": [
            {
                "id": _IDS[2],
                "supported_commodities": ["ELECTRICITY"],
                "operation_modes": [
                    {
                        "id": _IDS[4],
                        "abnormal_condition_only": False,
                        "elements": [
                            {
                                "fill_level_range": _LEVEL,
                                "fill_rate": {"start_of_range": 0.0, "end_of_range": 1e-4},
                                "power_ranges": [_RANGE],
                            }
                        ],
                    }
                ],
                "transitions": [],
                "timers": [],
            }
        ],
        "storage": {
            "fill_level_range": _LEVEL,
            "fill_level_label": "°C",
            "provides_leakage_behaviour": False,
            "provides_fill_level_target_profile": False,
            "provides_usage_forecast": True,
        },
    },
    {
        "message_type": "FRBC.ActuatorStatus",
        "message_id": _IDS[0],
        "actuator_id": _IDS[2],
        "active_operation_mode_id": _IDS[4],
        "operation_mode_factor": 0.5,
    },
    {"message_type": "FRBC.StorageStatus", "message_id": _IDS[1], "present_fill_level": 20.0},
    {
        "message_type": "FRBC.TimerStatus",
        "message_id": _IDS[2],
        "timer_id": _IDS[7],
        "actuator_id": _IDS[2],
        "finished_at": _AT,
    },
    {
        "message_type": "FRBC.UsageForecast",
        "message_id": _IDS[3],
        "start_time": _AT,
        "elements": [
            {"duration": 900_000, "usage_rate_expected": 1e-4},
            {"duration": 1_800_000, "usage_rate_expected": 2e-4},
        ],
    },
    {
        "message_type": "PEBC.PowerConstraints",
        "message_id": _IDS[4],
        "id": _IDS[5],
        "valid_from": _AT,
        "consequence_type": "DEFER",
        "allowed_limit_ranges": [
            {
                "commodity_quantity": "ELECTRIC.POWER.L1",
                "limit_type": kind,
                "range_boundary": {"start_of_range": 0.0, "end_of_range": high},
                "abnormal_condition_only": False,
            }
            for kind, high in (("UPPER_LIMIT", 2000.0), ("LOWER_LIMIT", 0.0))
        ],
    },
    {
        "message_type": "PowerForecast",
        "message_id": _IDS[6],
        "start_time": _AT,
        "elements": [
            {
                "duration": 86_400_000,
                "power_values": [
                    {"value_upper_limit": 2000.0, "value_expected": 50.0, "commodity_quantity": "ELECTRIC.POWER.L1"}
                ],
            }
        ],
    },
    {
        "message_type": "PPBC.PowerProfileDefinition",
        "message_id": _IDS[7],
        "id": _IDS[8],
        "start_time": _AT,
        "end_time": "2026-05-20T20:00:00Z",
        "power_sequences_containers": [
            {
                "id": _IDS[9],
                "power_sequences": [
                    {
                        "id": _IDS[10],
                        "is_interruptible": False,
                        "abnormal_condition_only": False,
                        "elements": [
                            {
                                "duration": 600_000,
                                "power_values": [{"value_expected": 2000.0, "commodity_quantity": "ELECTRIC.POWER.L1"}],
                            }
                        ],
                    }
                ],
            }
        ],
    },
    {
        "message_type": "PPBC.PowerProfileStatus",
        "message_id": _IDS[9],
        "sequence_container_status": [
            {
                "power_profile_id": _IDS[8],
                "sequence_container_id": _IDS[9],
                "status": "EXECUTING",
                "progress": 60_000,
                "selected_sequence_id": _IDS[10],
            }
        ],
    },
)
