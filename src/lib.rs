//! Response actions on Microsoft Defender for Endpoint: isolate, release, scan and restrict machines, and
//! watch and cancel what was submitted.
//!
//! ```no_run
//! use defender_response::{Client, ClientSecret, IsolationType, Region, ScanType};
//! use std::time::Duration;
//!
//! # #[tokio::main] async fn main() -> defender_response::Result<()> {
//! # let (tenant, app, secret) = ("", "", "");
//! let defender = Client::builder(ClientSecret::new(tenant, app, secret)).region(Region::Europe).build()?;
//!
//! let machine = defender.machines().by_name("ws-042.corp.example").await?;
//! let host = defender.machine(&machine.id);
//!
//! let action = host.isolate(IsolationType::Full, "INC-4711: beaconing").await?;
//! println!("{}: {}", action.disposition(), action.id());            // submitted, not done
//! action.wait().within(Duration::from_secs(600)).await?;            // Ok only on Succeeded
//!
//! host.scan(ScanType::Quick, "INC-4711").await?;
//! # Ok(()) }
//! ```
//!
//! * [`Client`] is set up for one tenant: a credential, a [`Region`], and nothing else that is required.
//! * [`MachineHandle`] has the verbs. Each *submits* an action and gives a [`Submitted`], which says how it came
//!   about and has no accessor that says "done".
//! * [`ActionHandle`] reads, waits and cancels; its id resumes a wait in another process. [`Client::wait_all`] waits for
//!   thousands at a few reads a minute.
//! * [`MachineHandle::state`] says what state a machine is in by the records, [`MachineHandle::ensure_isolated`] and its kin
//!   bring it into one, and a [`Lease`] ends one isolation and no other.
//! * [`Error`] says what happened, to what, and what to do. When the answer to a submission was lost it is
//!   [`is_outcome_unknown`](Error::is_outcome_unknown), and nothing has been sent twice.
//! * [`stix::plan()`] makes a plan of a STIX feed; [`Indicators::push`] and [`Indicators::sync`] carry it out, and tell of each
//!   STIX indicator what became of it.
//! * Every call is an [`Operation`]: [`Client::preview`] shows it, [`Client::send`] sends it raw, and [`catalog`] lists
//!   them all.
//!
//! # Callers that may go away
//! A future that is dropped while a submission is under way can't tell what became of it; an event `abandoned` with the
//! tracing target `defender_response::audit` then names machine, kind and reference. Where the caller may be cancelled (a
//! request handler, a `select!`, a timeout), let a task of its own see it through:
//!
//! ```no_run
//! # use defender_response::{IsolationType, MachineHandle, Submitted};
//! # async fn handler(host: MachineHandle) -> Result<Submitted, Box<dyn std::error::Error>> {
//! let submission = tokio::spawn(async move { host.isolate(IsolationType::Full, "INC-4711").await });
//! let submitted = submission.await??; // dropping the handle doesn't stop the task
//! # Ok(submitted) }
//! ```
//!
//! # Features
//! `rustls` (default), `rustls-no-provider` or `native-tls` for https; `certificate` for signing in with a client
//! certificate, `azure` for signing in with `azure_identity`; `playbook` for actions by name, JSON in and JSON out;
//! `stix2` for plans of that crate's values; `emulator` for the emulated service.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::future_not_send,
    clippy::large_futures
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod actions;
mod alerts;
mod audit;
mod auth;
pub mod catalog;
mod check;
mod client;
mod clock;
mod ensure;
mod error;
mod fleet;
mod guard;
mod indicators;
mod machines;
pub mod model;
mod odata;
mod operation;
#[cfg(feature = "playbook")]
pub mod playbook;
mod reads;
mod region;
mod send;
pub mod stix;
mod tenants;
mod transport;
mod types;
mod waits;

pub use actions::{
    ActionHandle, Actions, CancelMachineAction, Comment, Disposition, GetMachineAction,
    ListMachineActions, Submitted,
};
pub use alerts::{
    AlertHandle, AlertUpdate, Alerts, BatchUpdateAlerts, GetAlert, ListAlerts, UpdateAlert,
    UpdatedAlert,
};
pub use audit::{AuditEvent, AuditPhase, AuditSink, JsonLines, Run};
#[cfg(feature = "azure")]
pub use auth::AzureCredential;
#[cfg(feature = "certificate")]
pub use auth::ClientCertificate;
pub use auth::{
    ClientAssertion, ClientSecret, FixedToken, Token, TokenClaims, TokenError, TokenErrorKind,
    TokenRequest, TokenSource, WorkloadIdentity,
};
pub use check::{Access, Check, Finding, Heading, Principal};
pub use client::{Client, ClientBuilder};
pub use clock::{Clock, SystemClock, TestClock};
pub use ensure::{
    Containment, Doubt, Ensure, EnsureAll, Ensured, Evidence, Goal, IsolationState, Lease,
    LeaseEnd, LeaseRelease, MachineState, OnRecord, RestrictionState,
};
pub use error::{Error, ErrorKind, Result};
pub use fleet::{
    Done, FanOut, FanOutOutcome, FanOutProgress, FanOutRecord, FanOutRun, FanOutSummary, Verb,
};
pub use guard::{Guard, Limit, Rule};
pub use indicators::{
    BatchDeleteIndicators, CreateOrUpdateIndicator, DeleteIndicator, GetIndicator, ImportAnswer,
    ImportIndicators, ImportOutcome, Indicators, ListIndicators, NewIndicator,
};
pub use machines::{
    Find, FindMachinesByIp, FindMachinesByTag, GetMachine, Isolate, IsolationType, ListMachines,
    MachineHandle, Machines, RestrictCodeExecution, RunAntiVirusScan, ScanType, Unisolate,
    UnrestrictCodeExecution,
};
pub use odata::{Filter, List, ListQuery, Literal, Page};
pub use operation::{Call, Operation, Path, Preview, Quota, Safety, Spec};
pub use region::{Endpoint, Region, Standing};
pub use send::{QuotaPolicy, QuotaUse};
pub use tenants::{
    ClosingPolicy, Connection, ConsentOutcome, ConsentRequest, TenantSettings, Tenants,
    TenantsBuilder,
};
pub use transport::{Transport, TransportError};
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use waits::{ResumeToken, Updates, Wait, WaitAll};

pub use types::{ActionId, AlertId, IndicatorId, MachineId, ParseError, Secret, Timestamp};
#[cfg(feature = "emulator")]
pub mod emulator;
