//! What the client promises, seen from outside: over a scripted transport, over real HTTP, and in the source.

mod alerting;
mod canary;
mod checking;
mod classifying;
mod decoding;
mod emulated;
mod errors;
mod example;
mod finding;
mod golden;
mod house;
mod http2;
mod indicating;
mod input;
mod line;
mod lists;
mod many_tenants;
mod recorded;
mod regions;
mod script;
mod sockets;
mod switches;
mod ten_actions;
mod tokens;
mod waiting;
mod wire;
