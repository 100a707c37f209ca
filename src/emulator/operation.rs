//! The operations of the service: their names (the same everywhere in this crate), the roles each
//! asks for, and the figures of its quota.

/// One operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Operation {
    Token,
    Isolate,
    Unisolate,
    Scan,
    Restrict,
    Unrestrict,
    GetAction,
    CancelAction,
    ListActions,
    GetMachine,
    ListMachines,
    FindByIp,
    FindByTag,
    GetAlert,
    ListAlerts,
    UpdateAlert,
    BatchUpdateAlerts,
    SubmitIndicator,
    ImportIndicators,
    GetIndicator,
    ListIndicators,
    DeleteIndicator,
    BatchDeleteIndicators,
    Unknown,
}

/// How many calls an application may make in a tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) minute: usize,
    pub(crate) hour: Option<usize>,
}

const ALL: [Operation; 24] = [
    Operation::Token,
    Operation::Isolate,
    Operation::Unisolate,
    Operation::Scan,
    Operation::Restrict,
    Operation::Unrestrict,
    Operation::GetAction,
    Operation::CancelAction,
    Operation::ListActions,
    Operation::GetMachine,
    Operation::ListMachines,
    Operation::FindByIp,
    Operation::FindByTag,
    Operation::GetAlert,
    Operation::ListAlerts,
    Operation::UpdateAlert,
    Operation::BatchUpdateAlerts,
    Operation::SubmitIndicator,
    Operation::ImportIndicators,
    Operation::GetIndicator,
    Operation::ListIndicators,
    Operation::DeleteIndicator,
    Operation::BatchDeleteIndicators,
    Operation::Unknown,
];

impl Operation {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|operation| operation.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Isolate => "isolate",
            Self::Unisolate => "unisolate",
            Self::Scan => "scan",
            Self::Restrict => "restrict_code_execution",
            Self::Unrestrict => "unrestrict_code_execution",
            Self::GetAction => "get_machine_action",
            Self::CancelAction => "cancel_machine_action",
            Self::ListActions => "list_machine_actions",
            Self::GetMachine => "get_machine",
            Self::ListMachines => "list_machines",
            Self::FindByIp => "find_machines_by_ip",
            Self::FindByTag => "find_machines_by_tag",
            Self::GetAlert => "get_alert",
            Self::ListAlerts => "list_alerts",
            Self::UpdateAlert => "update_alert",
            Self::BatchUpdateAlerts => "batch_update_alerts",
            Self::SubmitIndicator => "create_or_update_indicator",
            Self::ImportIndicators => "import_indicators",
            Self::GetIndicator => "get_indicator",
            Self::ListIndicators => "list_indicators",
            Self::DeleteIndicator => "delete_indicator",
            Self::BatchDeleteIndicators => "batch_delete_indicators",
            Self::Unknown => "unknown",
        }
    }

    /// The roles of which one is enough, in the order the service names them in a 403.
    pub(crate) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::Unknown => &[],
            Self::Isolate | Self::Unisolate => &["Machine.Isolate"],
            Self::Scan => &["Machine.Scan"],
            Self::Restrict | Self::Unrestrict => &["Machine.RestrictExecution"],
            Self::CancelAction => &[
                "Machine.CollectForensics",
                "Machine.Isolate",
                "Machine.RestrictExecution",
                "Machine.Scan",
                "Machine.Offboard",
                "Machine.StopAndQuarantine",
                "Machine.LiveResponse",
            ],
            Self::GetAction
            | Self::ListActions
            | Self::GetMachine
            | Self::ListMachines
            | Self::FindByIp
            | Self::FindByTag => &["Machine.Read.All", "Machine.ReadWrite.All"],
            Self::GetAlert | Self::ListAlerts => &["Alert.Read.All", "Alert.ReadWrite.All"],
            Self::UpdateAlert | Self::BatchUpdateAlerts => &["Alert.ReadWrite.All"],
            Self::SubmitIndicator
            | Self::ImportIndicators
            | Self::GetIndicator
            | Self::ListIndicators
            | Self::DeleteIndicator
            | Self::BatchDeleteIndicators => &["Ti.ReadWrite", "Ti.ReadWrite.All"],
        }
    }

    /// The documented quota, counted per application and tenant.
    pub(crate) fn limits(self) -> Option<Limits> {
        let (minute, hour) = match self {
            Self::Token | Self::Unknown => return None,
            Self::BatchUpdateAlerts => (10, Some(500)),
            Self::ImportIndicators => (30, None),
            Self::BatchDeleteIndicators => (30, Some(1500)),
            _ => (100, Some(1500)),
        };
        Some(Limits { minute, hour })
    }
}
