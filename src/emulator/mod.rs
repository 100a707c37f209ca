//! Microsoft Defender for Endpoint, emulated: for tests, examples and whole playbooks without a tenant.
//!
//! The emulator is written from Microsoft's public pages and public recordings, not from this crate's
//! client, and shares no code with it. Passing here proves a client against that reading of the pages,
//! no more. Where the pages are silent or disagree there is a named [`Switch`].
//!
//! It has two fronts, the same service behind both: [`Emulator::transport`] in memory, on tokio's clock,
//! and [`Emulator::listen`] on a socket, in real time. What it has on record is kept apart from what is
//! really so on each [`Host`], since the two differ in life too.
//!
//! The items of this module are outside semantic versioning while the crate is at 0.1.

mod agenda;
mod answer;
mod api;
mod badly;
mod builder;
mod checks;
mod control;
mod entra;
mod faults;
mod handle;
mod hosts;
mod ids;
mod journal;
mod line;
mod memory;
mod moment;
mod odata;
mod operation;
mod others;
mod quota;
mod reply;
mod route;
mod service;
mod setting;
mod socket;
mod stock;
mod switches;
mod text;
mod world;

pub use builder::EmulatorBuilder;
pub use faults::{Fault, FaultError, FaultRule, PlainFault, RetryAfter, StatusFault};
pub use handle::{Emulator, MachineName};
pub use hosts::NoSuchMachine;
pub use journal::{JournalEntry, Stats};
pub use memory::InMemory;
pub use setting::{Switch, SwitchError};
pub use socket::Listening;
pub use world::{
    Act, ActRefused, Actor, AlertSetup, AppSetup, Host, Isolation, MachineSetup, Plan, Standing,
    TenantSetup,
};
