//! What the service writes, as data: nothing here sends anything.
//!
//! Decoding loses no object: a missing, null, unknown or oddly typed member is passed over, a value
//! nobody knows is kept as it was sent.

mod alert;
mod indicator;
mod lenient;
mod machine;
mod machine_action;
pub(crate) mod open_enum;

pub use alert::{
    Alert, AlertComment, AlertStatus, Classification, Determination, Evidence, LoggedOnUser,
    RelatedUser, Severity,
};
pub use indicator::{CertificateInfo, ImportResult, Indicator, IndicatorAction, IndicatorType};
pub use machine::{HealthStatus, Machine, MachineIpAddress, OnboardingStatus, VmMetadata};
pub use machine_action::{
    ActionCommand, ActionStatus, ActionType, Command, CommandParam, MachineAction, RelatedFileInfo,
};
pub use open_enum::Unrecognized;
