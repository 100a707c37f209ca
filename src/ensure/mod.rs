//! What state machines are in by the service's records, and bringing them into another one.

mod containments;
mod converge;
mod judge;
mod known;
mod lease;
mod note;
mod plan;
mod read;
mod release;
mod state;
mod task;

pub use containments::Containment;
pub use converge::{Ensure, EnsureAll};
pub use lease::{Lease, LeaseEnd};
pub use plan::Goal;
pub use release::LeaseRelease;
pub use state::{Doubt, Evidence, IsolationState, MachineState, OnRecord, RestrictionState};
pub use task::Ensured;
