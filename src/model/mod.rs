//! What the service writes, as data: nothing here sends anything.
//!
//! Decoding loses no object: a missing, null, unknown or oddly typed member is passed over, a value
//! nobody knows is kept as it was sent.

mod lenient;
mod machine;
mod machine_action;
mod open_enum;

pub use machine::{HealthStatus, Machine, MachineIpAddress, OnboardingStatus, VmMetadata};
pub use machine_action::{
    ActionCommand, ActionStatus, ActionType, Command, CommandParam, MachineAction, RelatedFileInfo,
};
pub use open_enum::Unrecognized;
