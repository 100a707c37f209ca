//! Holding calls against the guards before they leave.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::{Client, ClientBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::guard::{About, Act, Guard, Keeper, Pass, Subject};
use crate::model::Machine;
use crate::operation::{Call, Operation, Safety, Spec};
use crate::reads::{GetMachine, GetMachineAction};
use crate::send::{Course, Witness};
use crate::types::MachineId;

/// The guards of a client, with what they have counted.
pub(crate) type Keepers = Arc<[Arc<Keeper>]>;

/// For how long what was read of a machine is believed.
const FRESH: Duration = Duration::from_secs(2);

impl ClientBuilder {
    /// Holds every call that changes something against this guard. Several may be set; what one forbids is forbidden.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret, Guard, Limit, Rule};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// let guard = Guard::new().never(Rule::new().tag("tier-0")).at_most(Limit::new(20, 60));
    /// let defender = Client::builder(ClientSecret::new(id, id, "secret")).guard(guard).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }
}

impl Client {
    /// A client that is held against this guard as well. It shares everything else with this one.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) for a rule with an operation that doesn't exist, or a blank pattern.
    pub fn guarded(&self, guard: Guard) -> Result<Self> {
        let mut client = self.clone();
        client.guards = with(&self.guards, [guard])?;
        Ok(client)
    }

    /// The guards with what their limits have counted, and for how long that matters; `None` without a limit.
    pub(crate) fn counts(&self) -> Option<(Keepers, Duration)> {
        let longest = self.guards.iter().filter_map(|keeper| keeper.longest_window()).max()?;
        Some((Arc::clone(&self.guards), longest))
    }

    /// A client made anew, by whose guards' counts it goes on.
    pub(crate) fn kept_by(mut self, keepers: Keepers) -> Self {
        self.guards = keepers;
        self
    }

    /// Leave for a call that changes something, or the rule that forbids it. `expected` is the name its machine has to have.
    pub(crate) async fn admit(
        &self,
        spec: &'static Spec,
        call: &Call,
        expected: Option<&str>,
    ) -> Result<Pass> {
        let mut pass = Pass::default();
        if self.guards.is_empty() && expected.is_none() {
            return Ok(pass);
        }
        let named = |error: Error| error.of(spec.name, call.target());
        let machine = self.subject(spec, call).await.map_err(|cause| {
            let what = "what it is about could not be read and held against the guard, so nothing was sent";
            named(cause.clone().instead(what).caused_by(cause))
        })?;
        let about = match (&machine, Subject::of(call)) {
            (Some(machine), _) => About::Machine(machine),
            (None, Subject::Nothing) => About::Nothing,
            (None, _) => About::Untold,
        };
        let act = Act { operation: spec.name, about, contains: contains(call) };
        let refused = |why: String| {
            let name = machine.as_ref().and_then(|machine| machine.computer_dns_name.as_deref());
            let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
            named(Error::new(ErrorKind::Guarded, format!("{name}{why}; nothing was sent")))
        };
        if let (Some(expected), Some(machine)) = (expected, &machine) {
            as_expected(expected, machine).map_err(refused)?;
            if self.guards.is_empty() {
                Keeper::new(Guard::new())
                    .admit(&act, self.clock().now(), &mut pass)
                    .map_err(refused)?;
            }
        }
        for keeper in self.guards.iter() {
            if let Err(why) = keeper.admit(&act, self.clock().now(), &mut pass) {
                return Err(refused(why));
            }
        }
        Ok(pass)
    }

    /// A raw call that was admitted: held against the guards again where it had to queue.
    pub(super) async fn send_guarded<O: Operation>(
        &self,
        operation: &O,
        mut pass: Pass,
        witness: &Witness,
    ) -> Result<O::Output> {
        let at_once = self.at_once();
        let mut admitted = Some(self.clock().now());
        let mut course = Course::default();
        loop {
            let slot = self.reserve(O::SPEC, operation.safety(), &mut course).await?;
            let now = self.clock().now();
            if admitted.is_none_or(|at| now.saturating_duration_since(at) > FRESH) {
                pass = Pass::default();
                pass = match at_once.admit(O::SPEC, witness.call(), None).await {
                    Ok(pass) => pass,
                    Err(error) if error.is_throttled() => {
                        drop(slot);
                        self.pause_for(&mut course, error).await?;
                        continue;
                    }
                    Err(error) => return Err(course.broken_off(error)),
                };
            }
            pass.leaves();
            match self.send_reserved(operation, (slot, &mut course), witness).await {
                Ok(Some(output)) => return Ok(output),
                Ok(None) => {
                    std::mem::take(&mut pass).give_back();
                    admitted = None;
                }
                Err(error) => {
                    if !may_have_been_done(&error) {
                        pass.give_back();
                    }
                    return Err(error);
                }
            }
        }
    }

    /// An error unless the machine has this name.
    pub(crate) async fn expect_name(&self, machine: &MachineId, expected: &str) -> Result<()> {
        let machine = self.send_read(&GetMachine::by_id(machine)).await?;
        as_expected(expected, &machine).map_err(|why| {
            let name = machine.computer_dns_name.unwrap_or_default();
            Error::new(ErrorKind::Guarded, format!("{name}: {why}; nothing was sent"))
        })
    }

    /// The machine that a call is about, if it is about one.
    async fn subject(&self, spec: &'static Spec, call: &Call) -> Result<Option<Machine>> {
        let reads = self.with_terms(|terms| terms.urgent |= spec.urgent);
        let key = match Subject::of(call) {
            Subject::Machine(key) => key.to_owned(),
            Subject::Action(action) => {
                match reads.send_read(&GetMachineAction::new(action)).await?.machine_id {
                    Some(machine) => machine.as_str().to_owned(),
                    None => return Ok(None),
                }
            }
            Subject::Untold | Subject::Nothing => return Ok(None),
        };
        let read = match key.parse::<MachineId>() {
            Ok(id) => GetMachine::by_id(&id),
            Err(_) => GetMachine::by_name(key),
        };
        reads.send_read(&read).await.map(Some)
    }
}

/// A program's own operation may say that it reads, and what it posts to machines is a change all the same.
pub(super) fn safety_of<O: Operation>(operation: &O, call: &Call) -> Safety {
    let first = call.segments().next().unwrap_or_default();
    let is_machines = ["machines", "machineactions"].iter().any(|m| first.eq_ignore_ascii_case(m));
    match operation.safety() {
        Safety::Read if O::SPEC.method != Method::GET && is_machines => Safety::Once,
        said => said,
    }
}

fn may_have_been_done(error: &Error) -> bool {
    error.is_outcome_unknown()
        || error.is_service()
        || error.is_timeout()
        || error.is_intermediary()
        || error.is_after_an_unclear_try()
}

pub(super) fn with(
    keepers: &[Arc<Keeper>],
    guards: impl IntoIterator<Item = Guard>,
) -> Result<Keepers> {
    let mut all = keepers.to_vec();
    for guard in guards {
        guard.check()?;
        all.push(Keeper::new(guard));
    }
    Ok(all.into())
}

/// Whether the call contains a device that isn't onboarded, which no other action reaches.
fn contains(call: &Call) -> bool {
    let body = call.body().and_then(|body| serde_json::from_slice::<Value>(body).ok());
    body.is_some_and(|body| {
        body.get("IsolationType").and_then(Value::as_str) == Some("UnManagedDevice")
    })
}

/// By the full name, or by its first label if that is what was given.
fn as_expected(expected: &str, machine: &Machine) -> Result<(), String> {
    let expected = expected.trim().trim_end_matches('.');
    let name = machine.computer_dns_name.as_deref().unwrap_or_default().trim_end_matches('.');
    let label = name.split('.').next().unwrap_or_default();
    let same = |own: &str| !own.is_empty() && own.to_lowercase() == expected.to_lowercase();
    if same(name) || same(label) {
        return Ok(());
    }
    Err(format!("the machine isn't the one that was expected, {expected:?}"))
}
