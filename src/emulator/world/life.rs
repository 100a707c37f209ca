//! What happens by itself: an action reaches its device, is carried out, is reported, or never is.
//!
//! The device's doing and the service's record are separate steps. Between them a host is isolated
//! while its action still says `InProgress`; with a mute sensor that stays so until the time-out.

use std::time::Duration;

use super::action::{Kind, Status};
use super::actor::Deed;
use super::machine::{Isolation, Offline};
use super::{Scene, Tenant};
use crate::emulator::moment::Moment;

/// Something that happens by itself, to the action or machine of this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The device takes an action up.
    Begin(usize),
    /// The device carries it out.
    CarryOut(usize),
    /// The device reports it.
    Report(usize),
    /// The service gives up waiting for the report.
    TimeOut(usize),
    /// A machine's sensor comes back.
    Return(usize),
    /// Somebody else acts.
    Act(Deed),
}

/// How long the service waits for a device: three days and some 14 minutes, as recorded twice.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3 * 86_400 + 14 * 60);

/// The error recorded with `TimeOut`: 0x80190198, HTTP 408.
const TIMED_OUT: i32 = -2_145_844_840;

impl Tenant {
    pub(crate) fn happen(&mut self, event: &Event, scene: &mut Scene<'_>) {
        match *event {
            Event::Act(ref deed) => {
                // Refused or not: the others get on with their day.
                let _ = self.act(deed.clone(), scene);
            }
            Event::Begin(action) => self.begin(action, scene),
            Event::CarryOut(action) => self.carry_out(action, scene),
            Event::Report(action) => self.report(action, scene),
            Event::TimeOut(action) => self.finish(action, Status::TimeOut, TIMED_OUT, scene.now),
            Event::Return(machine) => self.come_back(machine, scene),
        }
    }

    fn begin(&mut self, number: usize, scene: &mut Scene<'_>) {
        if self.waits_for_sensor(number, Event::Begin(number)) {
            return;
        }
        let Some(action) = self.actions.get_mut(number) else { return };
        if action.status != Status::Pending {
            return;
        }
        action.status = Status::InProgress;
        action.updated = scene.now.wall;
        let third = scene.switches.settle / 3;
        scene.enter(third, Event::CarryOut(number));
        scene.enter(third * 2, Event::Report(number));
    }

    fn carry_out(&mut self, number: usize, scene: &Scene<'_>) {
        if self.waits_for_sensor(number, Event::CarryOut(number)) {
            return;
        }
        let Some(action) = self.actions.get_mut(number) else { return };
        let Some(machine) = self.machines.get_mut(action.machine) else { return };
        if action.status != Status::InProgress {
            return;
        }
        if let Some(error) = machine.link.failing {
            action.hresult = error;
            return;
        }
        let truth = &mut machine.truth;
        match action.kind {
            Kind::Isolate => truth.isolation = Isolation::from_scope(action.scope.as_deref()),
            Kind::Unisolate => truth.isolation = Isolation::None,
            Kind::Scan => truth.scans += 1,
            Kind::Restrict => truth.restricted = true,
            Kind::Unrestrict => truth.restricted = false,
        }
        machine.record.last_seen.0 = machine.record.last_seen.0.max(scene.now.wall);
    }

    fn report(&mut self, number: usize, scene: &mut Scene<'_>) {
        if self.waits_for_sensor(number, Event::Report(number)) {
            return;
        }
        let Some(action) = self.actions.get(number) else { return };
        let (kind, machine, error) = (action.kind, action.machine, action.hresult);
        if action.status.is_final() {
            return;
        }
        let status = if error == 0 { Status::Succeeded } else { Status::Failed };
        self.finish(number, status, error, scene.now);
        if status == Status::Succeeded && kind == Kind::Unisolate {
            self.let_stuck_ones_go(machine, scene);
        }
    }

    /// Ends an action, unless it has ended already.
    pub(crate) fn finish(&mut self, number: usize, status: Status, hresult: i32, now: Moment) {
        let Some(action) = self.actions.get_mut(number) else { return };
        if action.status.is_final() {
            return;
        }
        action.before = Some((action.status, action.updated));
        action.status = status;
        action.hresult = hresult;
        action.updated = now.wall;
        let Some(machine) = self.machines.get_mut(action.machine) else { return };
        machine.active.retain(|active| *active != number);
        match (status, action.kind) {
            (Status::Succeeded, Kind::Isolate) => machine.isolated_on_record = true,
            (Status::Succeeded, Kind::Unisolate) => machine.isolated_on_record = false,
            _ => {}
        }
    }

    /// A duplicate isolation may stay pending and fire after the release (microsoft-365-docs#5903).
    fn let_stuck_ones_go(&mut self, machine: usize, scene: &mut Scene<'_>) {
        let Some(machine) = self.machines.get(machine) else { return };
        for &number in &machine.active {
            if let Some(action) = self.actions.get_mut(number)
                && std::mem::take(&mut action.stuck)
            {
                scene.enter(scene.switches.settle / 3, Event::Begin(number));
            }
        }
    }

    /// Keeps an event back while the action's sensor can't hear, or can't be heard.
    fn waits_for_sensor(&mut self, number: usize, event: Event) -> bool {
        let Some(action) = self.actions.get(number) else { return true };
        let Some(machine) = self.machines.get_mut(action.machine) else { return true };
        let mute = machine.link.mute && matches!(event, Event::Report(_));
        let waits = mute || machine.link.offline.is_some();
        if waits {
            machine.link.held.push(event);
        }
        waits
    }

    fn come_back(&mut self, number: usize, scene: &mut Scene<'_>) {
        let Some(machine) = self.machines.get_mut(number) else { return };
        if machine.link.offline == Some(Offline::Until(scene.now.at)) {
            self.reconnect(number, scene);
        }
    }

    /// The sensor is back: what was kept back happens now.
    pub(crate) fn reconnect(&mut self, number: usize, scene: &mut Scene<'_>) {
        let Some(machine) = self.machines.get_mut(number) else { return };
        machine.link.offline = None;
        machine.record.last_seen.0 = scene.now.wall;
        for event in std::mem::take(&mut machine.link.held) {
            scene.enter(Duration::ZERO, event);
        }
    }
}

impl Isolation {
    fn from_scope(scope: Option<&str>) -> Self {
        match scope {
            Some("Selective") => Self::Selective,
            Some("UnManagedDevice") => Self::Contained,
            _ => Self::Full,
        }
    }
}

impl Scene<'_> {
    pub(crate) fn enter(&mut self, after: Duration, event: Event) {
        self.agenda.enter(self.now.at.saturating_add(after), self.tenant, event);
    }
}
