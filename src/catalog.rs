//! Every operation's [`Spec`] in one list: what permission tables, quotas and tests go through.

use crate::actions::{CancelMachineAction, GetMachineAction};
use crate::machines::{
    GetMachine, Isolate, RestrictCodeExecution, RunAntiVirusScan, Unisolate,
    UnrestrictCodeExecution,
};
use crate::operation::{Operation, Spec};

/// All operations of the crate, by what they do.
///
/// ```
/// for spec in defender_response::catalog::OPERATIONS {
///     println!("{:<26} {:<5} {:<36} {}", spec.name, spec.method, spec.route, spec.roles.join(" or "));
/// }
/// ```
pub const OPERATIONS: &[&Spec] = &[
    Isolate::SPEC,
    Unisolate::SPEC,
    RunAntiVirusScan::SPEC,
    RestrictCodeExecution::SPEC,
    UnrestrictCodeExecution::SPEC,
    GetMachineAction::SPEC,
    CancelMachineAction::SPEC,
    GetMachine::SPEC,
];
