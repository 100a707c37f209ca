//! The emulated service, spoken to by a client as plain as can be: requests by hand, JSON by hand,
//! written from the service's pages and not from this crate's operations.

mod actions;
mod alerts;
mod example;
mod faults;
mod indicators;
mod lists;
mod others;
mod plain;
mod quota;
mod story;
mod tokens;
mod truth;
