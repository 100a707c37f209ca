//! Every kind of credential against the emulated service: what it sends, what it refuses, how it recovers.

mod assertions;
mod azure;
mod canary;
mod certificates;
mod keys;
mod secrets;
mod setup;
