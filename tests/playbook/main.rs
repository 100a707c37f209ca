//! Actions by name: the module by itself, and the examples that runners start.

mod approvals;
mod audit;
mod dispositions;
mod feeds;
mod keys;
mod run_action;
mod schemas;
mod sekoia;
mod setup;
mod stopping;
mod truth;
mod windmill;
