//! Every operation's [`Spec`] in one list: what permission tables, quotas and tests go through.

use crate::actions::{CancelMachineAction, GetMachineAction, ListMachineActions};
use crate::alerts::{BatchUpdateAlerts, GetAlert, ListAlerts, UpdateAlert};
use crate::indicators::{
    BatchDeleteIndicators, CreateOrUpdateIndicator, DeleteIndicator, GetIndicator,
    ImportIndicators, ListIndicators,
};
use crate::machines::{
    FindMachinesByIp, FindMachinesByTag, GetMachine, Isolate, ListMachines, RestrictCodeExecution,
    RunAntiVirusScan, Unisolate, UnrestrictCodeExecution,
};
use crate::operation::{Operation, Spec};

/// All operations of the crate, by what they are about.
///
/// ```
/// for spec in defender_response::catalog::OPERATIONS {
///     println!("{:<26} {:<6} {:<36} {}", spec.name, spec.method, spec.route, spec.roles.join(" or "));
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
    ListMachineActions::SPEC,
    GetMachine::SPEC,
    ListMachines::SPEC,
    FindMachinesByIp::SPEC,
    FindMachinesByTag::SPEC,
    GetAlert::SPEC,
    ListAlerts::SPEC,
    UpdateAlert::SPEC,
    BatchUpdateAlerts::SPEC,
    CreateOrUpdateIndicator::SPEC,
    ImportIndicators::SPEC,
    GetIndicator::SPEC,
    ListIndicators::SPEC,
    DeleteIndicator::SPEC,
    BatchDeleteIndicators::SPEC,
];
