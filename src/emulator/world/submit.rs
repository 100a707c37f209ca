//! Whether a machine action is accepted, and what becomes of one that repeats or contradicts another.

use super::action::{Action, Cancellation, Kind, Status};
use super::life::{Event, PATIENCE};
use super::machine::Isolation;
use super::tenant::Plan;
use super::{Scene, Tenant};
use crate::emulator::answer::Refusal;
use crate::emulator::switches::{CancelLate, Duplicate, Unlicensed, Verdict};
use http::StatusCode;
use std::time::Duration;

/// The error recorded with `Cancelled`: 0x80004004, `E_ABORT`.
const ABORTED: i32 = -2_147_467_260;

/// An action somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) kind: Kind,
    pub(crate) scope: Option<String>,
    pub(crate) comment: String,
    pub(crate) requestor: String,
    pub(crate) source: &'static str,
    pub(crate) external_id: Option<String>,
    /// What a duplicate meets with.
    pub(crate) duplicate: Duplicate,
    /// Fires only after the next release, whether or not it is a duplicate.
    pub(crate) stuck: bool,
}

/// The action that stands for a submission.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Submitted {
    New(usize),
    /// One that was running already.
    Running(usize),
}

impl Tenant {
    pub(crate) fn submit(
        &mut self,
        machine: usize,
        wanted: Submission,
        scene: &mut Scene<'_>,
    ) -> Result<Submitted, Refusal> {
        self.check_device(machine, &wanted, scene)?;
        if let Some(running) = self.running(machine, wanted.kind) {
            match wanted.duplicate {
                Duplicate::Refused => return Err(Refusal::already_running()),
                Duplicate::Stuck if wanted.kind == Kind::Isolate => {
                    return Ok(Submitted::New(self.create(machine, wanted, true, scene)));
                }
                Duplicate::SameAction | Duplicate::Stuck => return Ok(Submitted::Running(running)),
            }
        }
        if scene.switches.opposite_action == Verdict::Refused
            && wanted.kind.undoes().is_some_and(|kind| self.running(machine, kind).is_some())
        {
            return Err(Refusal::already_running());
        }
        let isolated =
            self.machines.get(machine).is_some_and(|m| m.truth.isolation != Isolation::None);
        let repeats =
            wanted.duplicate == Duplicate::Stuck && wanted.kind == Kind::Isolate && isolated;
        let stuck = wanted.stuck || repeats;
        Ok(Submitted::New(self.create(machine, wanted, stuck, scene)))
    }

    /// Cancels an action. One that has begun may be out of reach (page cancel-machine-action).
    pub(crate) fn cancel(
        &mut self,
        number: usize,
        requestor: String,
        comment: String,
        scene: &Scene<'_>,
    ) -> Result<(), Refusal> {
        let Some(action) = self.actions.get_mut(number) else { return Ok(()) };
        let late = scene.switches.cancel_in_progress;
        if action.status.is_final()
            || (action.status == Status::InProgress && late == CancelLate::Refused)
        {
            let message = format!("Action in status {} can't be cancelled", action.status.name());
            return Err(Refusal::bad("BadRequest", message));
        }
        action.cancellation = Some(Cancellation { requestor, comment, time: scene.now.wall });
        if action.status == Status::Pending || late == CancelLate::Cancelled {
            self.finish(number, Status::Cancelled, ABORTED, scene.now);
        }
        Ok(())
    }

    /// The unfinished action of this kind, if any; a stuck one doesn't count as running.
    fn running(&self, machine: usize, kind: Kind) -> Option<usize> {
        let active = &self.machines.get(machine)?.active;
        active.iter().copied().find(|number| {
            self.actions.get(*number).is_some_and(|action| action.kind == kind && !action.stuck)
        })
    }

    fn check_device(
        &self,
        machine: usize,
        wanted: &Submission,
        scene: &Scene<'_>,
    ) -> Result<(), Refusal> {
        let Some(machine) = self.machines.get(machine) else { return Ok(()) };
        let record = &machine.record;
        let restricts = matches!(wanted.kind, Kind::Restrict | Kind::Unrestrict);
        if restricts && self.plan == Plan::One {
            unlicensed(scene.switches.unlicensed_restrict)?;
        }
        if restricts && !record.os_platform.starts_with("Windows") {
            let message = format!("Action is not supported on {}", record.os_platform);
            return Err(Refusal::bad("OsPlatformNotSupported", message));
        }
        let contains = wanted.scope.as_deref() == Some("UnManagedDevice");
        let releases = wanted.kind == Kind::Unisolate;
        if record.onboarding_status != "Onboarded" && !contains && !releases {
            return Err(Refusal::bad("BadRequest", "Machine is not onboarded"));
        }
        if releases
            && scene.switches.unisolate_not_isolated == Verdict::Refused
            && !machine.isolated_on_record
        {
            return Err(Refusal::bad("BadRequest", "Machine is not isolated"));
        }
        Ok(())
    }

    fn create(
        &mut self,
        machine: usize,
        wanted: Submission,
        stuck: bool,
        scene: &mut Scene<'_>,
    ) -> usize {
        let action = Action {
            id: scene.ids.guid(),
            kind: wanted.kind,
            scope: wanted.scope,
            status: Status::Pending,
            requestor: wanted.requestor,
            comment: Some(wanted.comment),
            source: wanted.source,
            external_id: wanted.external_id,
            machine,
            created: scene.now,
            // The recorded answers show the two times some ticks apart.
            updated: scene.now.wall.plus(Duration::from_nanos(300)),
            cancellation: None,
            hresult: 0,
            stuck,
            unlisted: false,
            before: None,
        };
        let number = self.actions.add(action);
        if let Some(machine) = self.machines.get_mut(machine) {
            machine.active.push(number);
        }
        if !stuck {
            scene.enter(scene.switches.settle / 3, Event::Begin(number));
        }
        scene.enter(PATIENCE, Event::TimeOut(number));
        number
    }
}

/// What Plan 1 answers to a restriction isn't documented.
fn unlicensed(answer: Unlicensed) -> Result<(), Refusal> {
    let message = "The feature is not part of the tenant's licence";
    let forbidden = |code| Err(Refusal::new(StatusCode::FORBIDDEN, code, message));
    match answer {
        Unlicensed::DisabledFeature => forbidden("DisabledFeature"),
        Unlicensed::DisallowedOperation => forbidden("DisallowedOperation"),
        Unlicensed::Unauthorized => Err(Refusal::unauthorized(message)),
        Unlicensed::Accepted => Ok(()),
    }
}
