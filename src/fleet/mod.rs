//! One action on many machines, with one outcome for each.

mod record;
mod run;
mod survey;
mod verb;

use std::collections::{HashSet, VecDeque};
use std::fmt;

use tokio::task::JoinSet;

use crate::actions::{Comment, fresh_reference};
use crate::client::{Client, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::types::MachineId;
pub use record::{Done, FanOutRecord};
use run::OnProgress;
pub use run::{FanOutOutcome, FanOutProgress, FanOutRun};
pub use survey::FanOutSummary;
pub use verb::Verb;

/// How many machines a fan-out may be about unless more are said.
const AT_MOST: usize = 10;

/// How many submissions are under way at once unless said otherwise.
const AT_ONCE: usize = 16;

impl Client {
    /// One action on many machines: [`FanOut::survey`] tells who they are, and [`FanOutRun::next`] submits.
    ///
    /// More than ten are refused unless [`at_most`](FanOut::at_most) says so. Each submission is what the verb of a
    /// [`MachineHandle`](crate::MachineHandle) does, [keyed](crate::MachineHandle::keyed): guards, look-ups, quota and outcomes
    /// are the same. An entry that was merged into another one, and a device that isn't onboarded, are outcomes that
    /// [`is_guarded`](Error::is_guarded), and nothing is sent for them. Permission and quota as for the verb, and
    /// `Machine.Read.All`.
    ///
    /// ```no_run
    /// # use defender_response::{Client, IsolationType, MachineId, Verb};
    /// # async fn f(defender: Client, ids: Vec<MachineId>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut run = defender
    ///     .fan_out(Verb::Isolate(IsolationType::Full), ids, "INC-4711: worm")
    ///     .at_most(50)
    ///     .stop_on_unknown()
    ///     .survey()
    ///     .await?;
    /// println!("{}", run.summary()); // names the servers, before anything is sent
    /// while let Some(outcome) = run.next().await {
    ///     match outcome.result {
    ///         Ok(submitted) => println!("{} {}", outcome.machine, submitted.disposition()),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// std::fs::write("fan-out.json", serde_json::to_string(&run.record())?)?;
    /// # Ok(()) }
    /// ```
    pub fn fan_out<I>(&self, verb: Verb, machines: I, comment: impl Into<Comment>) -> FanOut
    where
        I: IntoIterator,
        I::Item: Into<MachineId>,
    {
        let mut seen = HashSet::new();
        let machines = machines
            .into_iter()
            .map(Into::into)
            .filter(|id: &MachineId| seen.insert(id.as_str().to_ascii_lowercase()))
            .collect();
        FanOut {
            client: self.clone(),
            verb,
            comment: comment.into(),
            machines,
            run: fresh_reference(),
            place: None,
            done: Vec::new(),
            at_most: AT_MOST,
            at_once: AT_ONCE,
            stops_on_unknown: false,
            on_progress: None,
        }
    }

    /// Goes on with a stored fan-out: with what is left, and with what certainly wasn't done. A machine whose outcome isn't
    /// known is left alone. What was under way when the record was made is found by the record's key and adopted, not
    /// submitted again, unless the client writes no references.
    ///
    /// # Errors
    /// From [`survey`](FanOut::survey): [`is_conflict`](Error::is_conflict) for a record of another tenant, application or
    /// cloud; [`is_invalid_input`](Error::is_invalid_input) for a `run` that is no key of a fan-out.
    pub fn resume_fan_out(&self, record: FanOutRecord) -> FanOut {
        let open: Vec<_> = record.open().cloned().collect();
        let mut fan_out = self.fan_out(record.verb, open, record.comment);
        fan_out.run = record.run;
        fan_out.done = record.done.into_iter().filter(|done| !done.nothing_done).collect();
        fan_out.place =
            Some(Place { tenant: record.tenant, application: record.app, cloud: record.cloud });
        fan_out
    }
}

/// One action on many machines, from [`Client::fan_out`].
#[must_use = "nothing is done until it is surveyed and run"]
pub struct FanOut {
    client: Client,
    verb: Verb,
    comment: Comment,
    machines: Vec<MachineId>,
    run: String,
    /// Where the record is from.
    place: Option<Place>,
    done: Vec<Done>,
    at_most: usize,
    at_once: usize,
    stops_on_unknown: bool,
    on_progress: Option<OnProgress>,
}

impl FanOut {
    /// Allows so many machines, in place of ten.
    pub fn at_most(mut self, machines: usize) -> Self {
        self.at_most = machines;
        self
    }

    /// Has so many submissions under way at once (at least one), in place of 16. The quota holds whatever this says.
    pub fn at_once(mut self, submissions: usize) -> Self {
        self.at_once = submissions.max(1);
        self
    }

    /// Begins nothing new after the first outcome that isn't known.
    pub fn stop_on_unknown(mut self) -> Self {
        self.stops_on_unknown = true;
        self
    }

    /// Calls `tell` after each outcome.
    pub fn on_progress(mut self, tell: impl FnMut(&FanOutProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(tell));
        self
    }

    /// Reads who the machines are, one by one or from the list of all. Nothing else is sent.
    ///
    /// # Errors
    /// [`is_guarded`](Error::is_guarded) for more machines than allowed; [`is_invalid_input`](Error::is_invalid_input) for
    /// none, or a comment that can't be sent; what the reads may run into.
    pub async fn survey(self) -> Result<FanOutRun> {
        let of = |error: Error| error.of("fan_out", self.verb.spec().name);
        if self.machines.is_empty() {
            return Err(of(Error::invalid_input("there is no machine to act on")));
        }
        if self.machines.len() > self.at_most {
            let what = format!(
                "it is about {} machines, and at most {} are allowed; nothing was sent",
                self.machines.len(),
                self.at_most
            );
            let error = Error::new(ErrorKind::Guarded, what);
            return Err(of(error.advising("say at_most() if that is what is meant")));
        }
        self.comment.render().map_err(of)?;
        record::check_run(&self.run).map_err(of)?;
        let place = self.client.place().await.map_err(of)?;
        if let Some(stored) = &self.place {
            stored.check(&place, "the record").map_err(of)?;
        }
        let survey = survey::survey(&self.client, self.verb, &self.machines);
        let (summary, known) = survey.await.map_err(of)?;
        Ok(FanOutRun {
            client: self.client,
            place,
            verb: self.verb,
            comment: self.comment,
            at_once: self.at_once,
            stops_on_unknown: self.stops_on_unknown,
            on_progress: self.on_progress,
            summary,
            known,
            run: self.run,
            waiting: VecDeque::from(self.machines),
            under_way: JoinSet::new(),
            begun: Vec::new(),
            earlier: self.done.len(),
            failed: self.done.iter().filter(|done| done.error.is_some()).count(),
            done: self.done,
            stopped: None,
            is_halted: false,
        })
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("verb", &self.verb)
            .field("machines", &self.machines.len())
            .finish_non_exhaustive()
    }
}
