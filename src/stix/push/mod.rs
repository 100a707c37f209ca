//! From a plan to the tenant: what is to be sent is sent, and of each source is told what became of it.

mod delete;
mod import;
mod report;
mod run;
mod sources;
mod sync;
mod table;
mod world;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::plan::Plan;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::indicators::Indicators;
use crate::types::printable;
pub use report::{
    Change, DeletionOutcome, DeletionResult, IndicatorOutcome, IndicatorResult, PushReport,
    SourceOutcome, SourceResult, Summary,
};
use run::{Asked, Departures, run};

/// What `application` of our indicators begins with.
const TAG: &str = "defender-response";

/// Longer names of owners are refused.
const LONGEST_OWNER: usize = 100;

/// How far a push has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// Of how many indicators it is known what became of them, withdrawals and departures included.
    pub done: usize,
    /// Of how many in all.
    pub total: usize,
}

/// What a push is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// It reads what is there.
    Reading,
    /// It deletes what is revoked or expired.
    Withdrawing,
    /// It sends indicators.
    Pushing,
    /// It deletes what left the feed.
    Departing,
}

type Tell = Box<dyn FnMut(&Progress) + Send>;

type Pending<'p> = Pin<Box<dyn Future<Output = Result<PushReport>> + Send + 'p>>;

impl Indicators {
    /// Pushes a plan: creates and updates its indicators, replaces ours with another action, and deletes ours of what is
    /// revoked or expired. Each STIX indicator has exactly one outcome in the report.
    ///
    /// * Ours is what carries our tag in `application`, which can only be set at creation: `defender-response`, or
    ///   `defender-response/OWNER` with [`owner`](Push::owner). Nothing else is ever updated or deleted; where somebody
    ///   else's of the same value, type and action is there, it is `AlreadyPresent`.
    /// * Indicators go 500 at a time, what matters most first, in the order that [`Plan::indicators`] states. If the
    ///   tenant's 15,000 are used up, what comes last is told as `NoRoom`.
    /// * What is there already as the plan wants it isn't sent again, so pushing a plan twice sends nothing the second time.
    /// * A lost answer is settled by reading what is there. What can't be settled is told as `Unknown`, and pushing again
    ///   settles it.
    /// * *Accepted* is what it says. Indicators take effect within minutes to two days, and no call tells when.
    ///
    /// It takes `Ti.ReadWrite.All` to see other people's indicators; with `Ti.ReadWrite` alone the service is trusted not to
    /// change them ([`PushReport::sees_others`]). Between the last look, a minute old at most, and a batch's arrival somebody
    /// else may still bring the same indicator. A push whose future is dropped stops where it is; the same plan pushed
    /// again goes on from there.
    ///
    /// An incomplete plan may be pushed: each of its indicators stands in the feed.
    ///
    /// ```no_run
    /// use defender_response::model::IndicatorAction;
    /// use defender_response::stix::{self, PlanOptions};
    /// # async fn f(defender: defender_response::Client, feed: std::fs::File) -> defender_response::Result<()> {
    /// let plan = stix::plan(feed, &PlanOptions::new(IndicatorAction::Block))?;
    /// let report = defender.indicators().push(&plan).await?;
    /// for source in report.sources() {
    ///     println!("{}: {}", source.id, source.outcome);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn push<'p>(&self, plan: &'p Plan) -> Push<'p> {
        Push {
            client: self.client().clone(),
            plan,
            owner: None,
            dry: false,
            tell: None,
            departures: Departures::Stay,
        }
    }

    /// Pushes a plan as [`push`](Self::push) does, and deletes what is ours and isn't in the feed any more. `owner` names the
    /// feed: what another owner pushed is somebody else's.
    ///
    /// It refuses, before anything is changed, a plan of a feed that wasn't read to its end; one without indicators; and
    /// more deletions than 50, or than a tenth of ours if that is more, unless
    /// [`allow_deletes`](Sync::allow_deletes) says so. What the plan skips counts as not in the feed.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client, plan: defender_response::stix::Plan) -> defender_response::Result<()> {
    /// let would = defender.indicators().sync(&plan, "example-feed").dry_run().await?;
    /// println!("{would}");
    /// let report = defender.indicators().sync(&plan, "example-feed").allow_deletes(200).await?;
    /// # Ok(()) }
    /// ```
    pub fn sync<'p>(&self, plan: &'p Plan, owner: impl Into<String>) -> Sync<'p> {
        Sync(Push { departures: Departures::AtMost(None), ..self.push(plan).owner(owner) })
    }

    /// Binds a plan to this client's tenant and cloud, so that it can't be pushed to another.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) if it is for another already; if the tenant can't be told, as with a fixed
    /// token that doesn't name it, [`is_configuration`](Error::is_configuration).
    pub async fn bind(&self, plan: &mut Plan) -> Result<()> {
        let tenant = tenant(self.client()).await?;
        plan.bind(tenant, self.client().base_url().as_str())
    }
}

/// A push to be made, from [`Indicators::push`]. Await it, or [`send`](Self::send) it.
#[must_use = "nothing is pushed before it is awaited"]
pub struct Push<'p> {
    client: Client,
    plan: &'p Plan,
    owner: Option<String>,
    dry: bool,
    tell: Option<Tell>,
    departures: Departures,
}

impl Push<'_> {
    /// Tells feeds of one tenant apart: only what this owner pushed is ours.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Changes nothing: the same is done, and whatever would change something is stopped at the transport. The report
    /// tells what would be sent and deleted.
    pub fn dry_run(mut self) -> Self {
        self.dry = true;
        self
    }

    /// Calls `tell` after each call that brought it further.
    pub fn progress(mut self, tell: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Pushes.
    ///
    /// # Errors
    /// Only if nothing was changed: the plan is bound to another tenant or cloud ([`is_conflict`](Error::is_conflict)),
    /// what is there couldn't be read, or the first call was refused for a reason that holds for all. Everything later
    /// is told in the report.
    pub async fn send(self) -> Result<PushReport> {
        let Self { client, plan, owner, dry, tell, departures } = self;
        let application = tag(owner.as_deref())?;
        check_binding(&client, plan).await?;
        if departures != Departures::Stay {
            sync::check(plan)?;
        }
        let asked = Asked { client, plan, application, dry, tell, departures };
        Box::pin(run(asked)).await
    }
}

impl<'p> IntoFuture for Push<'p> {
    type Output = Result<PushReport>;
    type IntoFuture = Pending<'p>;

    fn into_future(self) -> Pending<'p> {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("owner", &self.owner)
            .field("dry_run", &self.dry)
            .finish_non_exhaustive()
    }
}

/// A sync to be made, from [`Indicators::sync`]. Await it, or [`send`](Self::send) it.
#[derive(Debug)]
#[must_use = "nothing is synced before it is awaited"]
pub struct Sync<'p>(Push<'p>);

impl Sync<'_> {
    /// Lets so many be deleted, of what left the feed and of what it revokes; the sync is refused if it would be more.
    pub fn allow_deletes(mut self, n: usize) -> Self {
        self.0.departures = Departures::AtMost(Some(n));
        self
    }

    /// As [`Push::dry_run`].
    pub fn dry_run(mut self) -> Self {
        self.0 = self.0.dry_run();
        self
    }

    /// As [`Push::progress`].
    pub fn progress(mut self, tell: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.0 = self.0.progress(tell);
        self
    }

    /// Syncs.
    ///
    /// # Errors
    /// As [`Push::send`], and [`is_conflict`](Error::is_conflict) for what [`Indicators::sync`] refuses.
    pub async fn send(self) -> Result<PushReport> {
        self.0.send().await
    }
}

impl<'p> IntoFuture for Sync<'p> {
    type Output = Result<PushReport>;
    type IntoFuture = Pending<'p>;

    fn into_future(self) -> Pending<'p> {
        self.0.into_future()
    }
}

fn tag(owner: Option<&str>) -> Result<String> {
    let Some(owner) = owner else { return Ok(TAG.to_owned()) };
    let fits = owner.len() <= LONGEST_OWNER
        && owner.trim() == owner
        && !owner.is_empty()
        && !owner.chars().any(char::is_control);
    if fits {
        return Ok(format!("{TAG}/{owner}"));
    }
    Err(Error::invalid_input(format!(
        "{:?} is no name of an owner: one has 1 to {LONGEST_OWNER} bytes, without blanks around it",
        printable(owner, LONGEST_OWNER)
    )))
}

async fn check_binding(client: &Client, plan: &Plan) -> Result<()> {
    let Some(binding) = plan.binding() else { return Ok(()) };
    let cloud = client.base_url().as_str();
    let same = |one: &str, other: &str| {
        one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
    };
    let tenant = tenant(client).await?;
    if same(&binding.cloud, cloud) && same(&binding.tenant, &tenant) {
        return Ok(());
    }
    let what = format!(
        "the plan is for tenant {} at {}, and this is {tenant} at {cloud}; nothing was changed",
        binding.tenant, binding.cloud
    );
    Err(Error::new(ErrorKind::Conflict, what))
}

async fn tenant(client: &Client) -> Result<String> {
    let what =
        "neither the token nor the credential names the tenant, so a plan can't be held against it";
    client.tenant().await?.ok_or_else(|| Error::configuration(what))
}
