//! An isolation that somebody answers for, until a day on which it is looked at again.

use serde::{Deserialize, Serialize};

use super::note;
use super::plan::is_referenced;
use super::release::LeaseRelease;
use crate::actions::{Care, Comment, Disposition, submit, told};
use crate::client::{Client, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::machines::{Isolate, IsolationType, MachineHandle};
use crate::model::MachineAction;
use crate::types::{ActionId, MachineId, Timestamp};

impl MachineHandle {
    /// Isolates the machine fully, in somebody's name and until a time of review, and gives a lease on that isolation: the
    /// one thing that [`Lease::release`] undoes.
    ///
    /// It *submits*, as [`isolate`](Self::isolate) does; `client.action(lease.action()).wait()` tells the end. Owner and
    /// time stand in the comment, after the reason, where [`Client::containments`](crate::Client::containments) finds them.
    /// Nothing happens by itself when the time has come.
    ///
    /// Permission `Machine.Isolate`, and `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
    ///
    /// ```no_run
    /// # use defender_response::{MachineHandle, Timestamp};
    /// # async fn f(host: MachineHandle, monday: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
    /// let lease = host.contain("INC-4711: beaconing", "soc tier 2", monday).await?;
    /// std::fs::write("lease.json", serde_json::to_string(&lease)?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) when the machine is isolated already, or about to be, by whomever: there is then
    /// no isolation of one's own to give a lease on, and nothing was submitted.
    /// [`is_invalid_input`](Error::is_invalid_input) for an owner that is blank, longer than 100 characters, or holds `|` or
    /// a line break. Otherwise as for [`isolate`](Self::isolate).
    pub async fn contain(
        &self,
        reason: impl Into<String>,
        owner: impl Into<String>,
        review_by: Timestamp,
    ) -> Result<Lease> {
        self.contain_as(IsolationType::Full, reason, owner, review_by).await
    }

    /// [`contain`](Self::contain) with another type of isolation.
    ///
    /// # Errors
    /// As for [`contain`](Self::contain).
    pub async fn contain_as(
        &self,
        kind: IsolationType,
        reason: impl Into<String>,
        owner: impl Into<String>,
        review_by: Timestamp,
    ) -> Result<Lease> {
        let (reason, owner) = (reason.into(), owner.into());
        let named = |error: Error| error.of("contain", self.id().as_str());
        if !self.client().writes_references() {
            let what = "a lease knows its isolation by the reference in the comment, and this client writes none";
            return Err(named(Error::configuration(what)));
        }
        Comment::from(&reason).render().map_err(named)?;
        let text = note::write(&reason, &owner, review_by).map_err(named)?;
        let place = self.client().place().await.map_err(named)?;
        let operation = Isolate::new(self.id().clone(), kind, text);
        let care = Care { expected: self.expected().map(str::to_owned), ..Care::default() };
        let submitted = submit(self.client(), &care, operation).await;
        let submitted = submitted.map_err(named)?;
        let action = submitted.action();
        let own = matches!(submitted.disposition(), Disposition::Created | Disposition::Adopted);
        if !own || !is_referenced(action) {
            let what =
                format!("{}; no lease was given", told(action, self.client().service_time()));
            return Err(named(Error::new(ErrorKind::Conflict, what).about(action.clone())));
        }
        Ok(Lease::new(place, self.id(), action, reason, owner, review_by))
    }
}

/// An isolation, whose it is and until when it is meant. It serialises, and holds no secret.
///
/// It is of one tenant and cloud, and refused elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "without the lease only a release of everything is left"]
pub struct Lease {
    #[serde(rename = "v")]
    version: LeaseVersion,
    place: Place,
    machine: MachineId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    action: ActionId,
    reason: String,
    owner: String,
    review_by: Timestamp,
}

/// The form of a lease: another version is refused, since what it means isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct LeaseVersion;

impl TryFrom<u32> for LeaseVersion {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("version {number} isn't known here")) }
    }
}

impl From<LeaseVersion> for u32 {
    fn from(_: LeaseVersion) -> Self {
        1
    }
}

impl Lease {
    fn new(
        place: Place,
        machine: &MachineId,
        action: &MachineAction,
        reason: String,
        owner: String,
        review_by: Timestamp,
    ) -> Self {
        Self {
            version: LeaseVersion,
            place,
            machine: machine.clone(),
            name: action.computer_dns_name.clone(),
            action: action.id.clone(),
            reason,
            owner,
            review_by,
        }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &MachineId {
        &self.machine
    }

    /// The machine's name, where the service told it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The isolation: wait on this to learn whether it is done.
    #[must_use]
    pub fn action(&self) -> &ActionId {
        &self.action
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Who answers for it.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// When it is to be looked at again.
    #[must_use]
    pub fn review_by(&self) -> Timestamp {
        self.review_by
    }

    /// Ends the isolation of this lease, and nothing else: [`LeaseRelease::within`] says for how long.
    ///
    /// While it hasn't been carried out it is cancelled, and since it may have been, a release follows. If the machine was
    /// released since, or somebody else's isolation keeps it isolated too, it is not released: [`LeaseEnd::Superseded`]. A
    /// release of an earlier call that is still armed is then cancelled first, and waited for where it can't be.
    /// Duplicates that carry the reference of its isolation are the lease's too. Called again, it goes on where it was
    /// broken off.
    ///
    /// Permission `Machine.Isolate`, and `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
    ///
    /// ```no_run
    /// # use defender_response::{Client, Lease, LeaseEnd};
    /// # use std::time::Duration;
    /// # async fn f(defender: Client, stored: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let lease: Lease = serde_json::from_str(stored)?;
    /// match lease.release(&defender, "INC-4711: host cleaned").within(Duration::from_secs(600)).await? {
    ///     LeaseEnd::Released { action } => println!("released by {}", action.id),
    ///     LeaseEnd::Superseded { by } => println!("left alone: {} by {:?}", by.action_type, by.requestor),
    ///     other => println!("{other:?}"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn release(&self, client: &Client, comment: impl Into<Comment>) -> LeaseRelease {
        LeaseRelease::new(client, self.clone(), comment.into())
    }

    /// An error unless the client is of the lease's tenant and cloud. Any application of theirs may end a lease.
    pub(super) async fn check(&self, client: &Client) -> Result<()> {
        let here = client.place().await?;
        let ours = Place { application: here.application.clone(), ..self.place.clone() };
        ours.check(&here, "the lease")
    }
}

/// How a lease came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseEnd {
    /// The machine was released for it, by the service's records. Boxed since it is the whole action.
    Released {
        /// The release.
        action: Box<MachineAction>,
    },
    /// Its isolation was cancelled before the device reported it, and the service then refused a release. The device
    /// may have carried it out: [`state`](MachineHandle::state) calls that unknown.
    Cancelled {
        /// The isolation.
        action: Box<MachineAction>,
    },
    /// Nothing was released, and nothing of the lease's is armed any more. Either this release came first, or this isolation of somebody else's is in force, or armed,
    /// beside the lease's own.
    Superseded {
        /// What came instead.
        by: Box<MachineAction>,
    },
}
