//! Submitting an action on a machine: its turn, a look at what there is, the request, and where the answer was lost,
//! another look.
//! What is guaranteed, and under which assumptions, stands with [`MachineHandle`](crate::MachineHandle).

use std::time::{Duration, Instant};

use super::keyed::repeated;
use super::recent::{Finding, confirm, is_under_way, judge, recent, with_own};
use super::settle::{hurried, settle};
use super::submitted::{Disposition, Submitted};
use super::told::told;
use super::{Comment, GetMachineAction, Key};
use crate::audit::Told;
use crate::client::{Client, Turn, Unseen};
use crate::error::{Error, ErrorKind, Result};
use crate::guard::Pass;
use crate::model::{ActionType, MachineAction};
use crate::operation::Operation;
use crate::send::{Course, Witness};
use crate::types::{MachineId, Timestamp};

/// What an HTTP date and a creation time may differ by when they mean the same moment.
const SLACK: Duration = Duration::from_secs(2);

/// What is listed as under way is read by its id before it is said to stand in the way, for so many.
const CONFIRMED: usize = 3;

/// An operation that submits an action on a machine.
pub(crate) trait Submission: Operation<Output = MachineAction> {
    /// The kind of action it submits.
    const KIND: ActionType;
    /// The kind that undoes it, where it changes a state. One that changes none is never looked for beforehand.
    const OPPOSITE: Option<ActionType> = None;
    /// Whether it lifts a restraint, and does no harm where there is none.
    const LIFTS: bool = false;

    fn machine(&self) -> &MachineId;

    fn comment_mut(&mut self) -> &mut Comment;

    /// How far it goes, by the name the service records.
    fn scope(&self) -> Option<&'static str> {
        None
    }
}

/// What a caller said about looking before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Care {
    /// Submits although the machine is in that state by the records.
    pub regardless: bool,
    pub without_lookup: bool,
    /// The name that the machine has to have.
    pub expected: Option<String>,
    /// What the caller knows this submission by, in another process too.
    pub key: Option<String>,
    /// When the caller itself looked, at many machines at once.
    pub looked: Option<Instant>,
}

/// For how long a look at many machines stands for one at each.
const FRESH: Duration = Duration::from_secs(2);

/// Submits an action, unless there is one already.
pub(crate) async fn submit<O: Submission>(
    client: &Client,
    care: &Care,
    operation: O,
) -> Result<Submitted> {
    submit_if(client, care, operation, |_| Ok(())).await
}

/// Submits an action, unless there is one already, or what the look before it shows is refused.
pub(crate) async fn submit_if<O: Submission>(
    client: &Client,
    care: &Care,
    operation: O,
    check: impl Fn(&[MachineAction]) -> Result<()> + Send + Sync,
) -> Result<Submitted> {
    let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
    if let Some(key) = &care.key {
        Key::check(key).map_err(|e| e.of(O::SPEC.name, call.target()))?;
    }
    let pass = client.admit(O::SPEC, &call, care.expected.as_deref()).await?;
    submit_admitted(client, care, operation, (pass, client.clock().now()), check).await
}

async fn submit_admitted<O: Submission>(
    client: &Client,
    care: &Care,
    mut operation: O,
    admitted: (Pass, Instant),
    check: impl Fn(&[MachineAction]) -> Result<()> + Send + Sync,
) -> Result<Submitted> {
    if let Some(key) = &care.key {
        refer_by_key(client, key, &mut operation)
            .await
            .map_err(|e| e.of(O::SPEC.name, operation.machine().as_str()))?;
    } else if client.writes_references() {
        operation.comment_mut().refer();
    }
    let reference = operation.comment_mut().reference().map(str::to_owned);
    let text = operation.comment_mut().text().to_owned();
    let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
    let witness = Witness::new(O::SPEC.name, call);
    let record = client.audit(O::SPEC, witness.call())?;
    let record = record.map(|record| record.watching(witness.flag()));
    let wanted = Wanted { client, operation: &operation, reference, text };

    let outcome = Box::pin(wanted.carry_out(care, admitted, &check, &witness)).await;
    witness.told();
    if let Some(record) = record {
        record.tell(&outcome, |submitted| Told {
            state: submitted.action().status.to_string(),
            disposition: Some(submitted.disposition().as_str()),
            action: Some(submitted.id().clone()),
        });
    }
    outcome
}

/// The key is bound to tenant, machine, kind and arguments, so that under another of them it is another reference.
async fn refer_by_key<O: Submission>(client: &Client, key: &str, operation: &mut O) -> Result<()> {
    if !client.writes_references() {
        return Err(Error::configuration(
            "an idempotency key travels as the comment's reference, and this client writes none",
        ));
    }
    let place = client.place().await?;
    let machine = operation.machine().as_str().to_owned();
    let scope = operation.scope().unwrap_or_default();
    let text = operation.comment_mut().text().to_owned();
    let arguments = [scope, &*text];
    let kind = O::KIND;
    let (tenant, target, kind) = (&*place.tenant, &*machine, kind.as_str());
    operation.comment_mut().refer_by(&Key {
        text: key,
        tenant,
        target,
        kind,
        arguments: &arguments,
    });
    Ok(())
}

/// One submission, with what tells its action from others.
struct Wanted<'a, O> {
    client: &'a Client,
    operation: &'a O,
    reference: Option<String>,
    text: String,
}

impl<O: Submission> Wanted<'_, O> {
    /// A slot, then the machine's turn, then the look and the guards, then the request: so that what was seen isn't old
    /// when the request leaves. Who holds slot and turn queues for nothing; where something has to, all is begun anew.
    async fn carry_out(
        &self,
        care: &Care,
        (mut pass, mut admitted): (Pass, Instant),
        check: &(impl Fn(&[MachineAction]) -> Result<()> + Send + Sync),
        witness: &Witness,
    ) -> Result<Submitted> {
        let Self { client, operation, .. } = self;
        let (machine, urgent) = (operation.machine(), client.is_urgent() || O::SPEC.urgent);
        let looks = (O::OPPOSITE.is_some() && !care.without_lookup) || care.key.is_some();
        let at_once = client.with_terms(|terms| terms.urgent |= urgent).at_once();
        let mut course = Course::default();
        let gate = client.turns().gate(machine, O::KIND, urgent);
        let _gate = client.queue_for(&mut course, gate).await.map_err(|e| self.named(e))?;
        loop {
            let slot = client.reserve(O::SPEC, operation.safety(), &mut course).await;
            let slot = slot.map_err(|e| self.named(e))?;
            let turn = client.turns().of(machine, || client.clock().now());
            let mut turn = client.queue_for(&mut course, turn).await.map_err(|e| self.named(e))?;
            let seen = async {
                if looks
                    && let Some(there) = self.look_before(&at_once, &mut turn, care, check).await?
                {
                    return Ok(Some(there));
                }
                if client.clock().now().saturating_duration_since(admitted) > FRESH {
                    pass = Pass::default();
                    let expected = care.expected.as_deref();
                    pass = at_once.admit(O::SPEC, witness.call(), expected).await?;
                    admitted = client.clock().now();
                }
                Ok::<_, Error>(None)
            };
            match seen.await {
                Ok(None) => {}
                Ok(Some(there)) => return Ok(there),
                Err(error) if error.is_throttled() => {
                    drop((turn, slot));
                    client.pause_for(&mut course, error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let left = client.clock().now();
            turn.leaves(O::KIND, self.reference.clone(), witness.flag(), left);
            pass.leaves();
            let outcome = match client.send_reserved(*operation, (slot, &mut course), witness).await
            {
                Ok(Some(action)) => self.accept(action, left).await,
                Ok(None) => {
                    turn.is_seen();
                    std::mem::take(&mut pass).give_back();
                    admitted = left.checked_sub(FRESH * 2).unwrap_or(left);
                    continue;
                }
                Err(error) if error.is_outcome_unknown() => self.adopt(error, left).await,
                Err(error) if error.is_already_running() => self.find_running(error).await,
                Err(error) => Err(error),
            };
            match &outcome {
                Err(error) if error.is_outcome_unknown() => turn.is_open(client.clock().now()),
                _ => turn.is_seen(),
            }
            if let Ok(submitted) = &outcome {
                turn.remember(submitted.action(), client.clock().now());
            }
            let ours = |submitted: &Submitted| {
                matches!(submitted.disposition(), Disposition::Created | Disposition::Adopted)
            };
            if !outcome.as_ref().map_or_else(Error::is_outcome_unknown, ours) {
                pass.give_back();
            }
            return outcome;
        }
    }

    async fn look_before(
        &self,
        client: &Client,
        turn: &mut Turn,
        care: &Care,
        check: &(impl Fn(&[MachineAction]) -> Result<()> + Send + Sync),
    ) -> Result<Option<Submitted>> {
        let unread = |cause: Error| {
            let what = "the machine's recent actions could not be read, so nothing was submitted";
            // An action that isn't found is no machine that isn't.
            let error = match cause.kind() {
                ErrorKind::NotFound => Error::new(ErrorKind::Service, what),
                _ => cause.clone().instead(what),
            };
            let error = error.advising(if cause.is_permission_denied() {
                "grant the role that reading them needs, or submit without_lookup()"
            } else {
                "without_lookup() submits without having looked"
            });
            self.named(error.caused_by(cause))
        };
        let now = self.client.clock().now();
        let fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let listed = if care.looked.is_some_and(fresh) && care.key.is_none() {
            Vec::new()
        } else {
            self.recent(client, O::OPPOSITE.as_ref()).await.map_err(unread)?
        };
        let kinds = [Some(O::KIND), O::OPPOSITE];
        let (mut actions, unseen) = with_own(client, turn, listed, &kinds).await.map_err(unread)?;
        if care.key.is_some() {
            let reference = self.reference.as_deref().unwrap_or_default();
            let (opposite, now) = (O::OPPOSITE, self.client.service_time());
            let earlier = repeated(reference, (&O::KIND, opposite.as_ref()), &actions, now);
            if let Some(earlier) = earlier.map_err(|error| self.named(error))? {
                return Ok(Some(self.submitted(earlier.clone(), Disposition::Adopted)));
            }
        }
        check(&actions).map_err(|error| self.named(error))?;
        let same = |unseen: &&Unseen| {
            let ours = O::OPPOSITE.is_some() || unseen.reference == self.reference;
            unseen.kind == O::KIND && ours
        };
        if let Some(unseen) = unseen.iter().find(same) {
            return Err(self.unclear(unseen));
        }
        if O::OPPOSITE.is_none() || care.without_lookup {
            return Ok(None);
        }
        confirm(client, actions.iter_mut(), CONFIRMED).await;
        let opposite = unseen.iter().find(|unseen| O::OPPOSITE.as_ref() == Some(&unseen.kind));
        self.judged(&actions, care, opposite)
    }

    /// An earlier submission of this client's went unanswered, and what no list shows may still be there.
    fn unclear(&self, unseen: &Unseen) -> Error {
        let ago = self.client.clock().now().saturating_duration_since(unseen.at).as_secs();
        let earlier =
            if unseen.kind == O::KIND { "one".to_owned() } else { unseen.kind.to_string() };
        let what = format!(
            "whether an earlier {earlier} of this client's took effect isn't known, {ago} s after the last that was heard of \
             it; nothing was submitted now"
        );
        self.named(Error::new(ErrorKind::Conflict, what).advising("look again in three minutes"))
    }

    fn judged(
        &self,
        actions: &[MachineAction],
        care: &Care,
        opposite: Option<&Unseen>,
    ) -> Result<Option<Submitted>> {
        match judge(actions, &O::KIND, self.client.service_time()) {
            Finding::Nothing => Ok(None),
            Finding::Pending(action) => Ok(Some(self.already_pending(action))),
            Finding::Opposed(action) => Err(self.opposed(action)),
            Finding::Done(_) if care.regardless => Ok(None),
            // What went unanswered may have undone it since. To release once more does no harm, to isolate may.
            Finding::Done(action) => match opposite {
                None => self.already_in_state(action).map(Some),
                Some(_) if O::LIFTS => Ok(None),
                Some(unseen) => Err(self.unclear(unseen)),
            },
        }
    }

    /// A 2xx: ours if it carries our reference, and otherwise one that was there before.
    async fn accept(&self, mut action: MachineAction, left: Instant) -> Result<Submitted> {
        if action.requestor_comment.is_none() {
            let read = hurried(self.client).send(&GetMachineAction::new(action.id.clone())).await;
            if let Ok(whole) = read {
                action = whole;
            }
        }
        if action.requestor_comment.is_none() {
            let what = format!("the answer, {}, doesn't show whose it is", action.id);
            let error = Error::outcome_unknown(Error::unusable_answer(what)).about(action);
            return self.adopt(self.named(error), left).await;
        }
        if self.is_ours(&action, left) {
            return Ok(self.submitted(action, Disposition::Created));
        }
        if !action.status.is_terminal() {
            return Ok(self.submitted(action, Disposition::AlreadyPending));
        }
        // Somebody else's, and over: what became of ours isn't known.
        let what = format!(
            "the answer is another action, {}, that has ended as {}",
            action.id, action.status
        );
        let error = Error::outcome_unknown(Error::unusable_answer(what)).about(action);
        self.adopt(self.named(error), left).await
    }

    /// The answer was lost: an action with our reference proves that it was submitted. None proves nothing.
    async fn adopt(&self, lost: Error, left: Instant) -> Result<Submitted> {
        let until = self.client.clock().now();
        let found = match &self.reference {
            Some(reference) => {
                let look = |client| async move {
                    let actions = self.recent(&client, None).await?;
                    Ok(actions.into_iter().find(|action| carries(action, reference)))
                };
                settle(self.client, look).await
            }
            None => None,
        };
        if let Some(action) = found {
            return Ok(self.submitted(action, Disposition::Adopted));
        }
        // By now the service's clock has been seen, unless nothing could be read.
        let window =
            (self.by_the_service(left).minus(SLACK), self.by_the_service(until).plus(SLACK));
        let lost = lost.within(window);
        Err(match &self.reference {
            Some(reference) => lost.referenced(reference),
            None => lost,
        })
    }

    /// The service refused it since one is under way, and doesn't say which.
    async fn find_running(&self, refusal: Error) -> Result<Submitted> {
        let look = |client| async move {
            let actions = self.recent(&client, O::OPPOSITE.as_ref()).await?;
            let now = client.service_time();
            let running = actions.into_iter().filter(|action| is_under_way(action, now));
            Ok(running.max_by_key(|action| {
                (action.action_type == O::KIND, action.creation_date_time_utc)
            }))
        };
        match settle(self.client, look).await {
            Some(action) if action.action_type != O::KIND => {
                Err(self.opposed(action).caused_by(refusal))
            }
            Some(action) => Ok(self.already_pending(action)),
            None => Err(refusal),
        }
    }

    async fn recent(
        &self,
        client: &Client,
        opposite: Option<&ActionType>,
    ) -> Result<Vec<MachineAction>> {
        recent(client, self.operation.machine(), &O::KIND, opposite).await
    }

    /// Without a reference there is the text alone, which an earlier run may have used too, and the time.
    fn is_ours(&self, action: &MachineAction, left: Instant) -> bool {
        match &self.reference {
            Some(reference) => carries(action, reference),
            None => {
                action.requestor_comment.as_ref() == Some(&self.text)
                    && action
                        .creation_date_time_utc
                        .is_none_or(|created| created >= self.by_the_service(left).minus(SLACK))
            }
        }
    }

    /// A moment of ours by the service's clock, give or take what an HTTP date leaves open.
    fn by_the_service(&self, at: Instant) -> Timestamp {
        let ago = self.client.clock().now().saturating_duration_since(at);
        self.client.service_time().minus(ago)
    }

    fn already_pending(&self, action: MachineAction) -> Submitted {
        let ours = self.reference.as_ref().is_some_and(|reference| carries(&action, reference));
        let disposition = if ours { Disposition::Adopted } else { Disposition::AlreadyPending };
        self.submitted(action, disposition)
    }

    /// In the state that was asked for, or in another one of its kind.
    fn already_in_state(&self, action: MachineAction) -> Result<Submitted> {
        let submitted = self.submitted(action, Disposition::AlreadyInState);
        if submitted.scope_confirmed() != Some(false) {
            return Ok(submitted);
        }
        let action = submitted.action().clone();
        let what = format!(
            "{} already, as {} and not as {}; nothing was submitted",
            told(&action, self.client.service_time()),
            action.scope.as_deref().unwrap_or_default(),
            self.operation.scope().unwrap_or_default(),
        );
        let error = Error::new(ErrorKind::Conflict, what).about(action);
        Err(self.named(error.advising("release it first, or submit it regardless()")))
    }

    fn opposed(&self, action: MachineAction) -> Error {
        let what = format!("{}; nothing was submitted", told(&action, self.client.service_time()));
        let error = Error::new(ErrorKind::Conflict, what).about(action);
        self.named(error.advising("wait for that action's end, or cancel it"))
    }

    fn submitted(&self, action: MachineAction, disposition: Disposition) -> Submitted {
        let handle = self.client.action(action.id.clone());
        let (scope, now) = (self.operation.scope(), self.client.service_time());
        Submitted::new(handle, action, disposition, scope, now)
    }

    fn named(&self, error: Error) -> Error {
        error.of(O::SPEC.name, self.operation.machine().as_str())
    }
}

fn carries(action: &MachineAction, reference: &str) -> bool {
    action.requestor_comment.as_deref().is_some_and(|comment| comment.contains(reference))
}
