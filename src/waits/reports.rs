//! When devices were last heard of, for those that keep a wait waiting.

use std::collections::HashMap;
use std::time::Duration;

use crate::client::Client;
use crate::odata::Filter;
use crate::types::{MachineId, Timestamp};

/// Machines to a list, and lists at most: what is told of a few hundred is told of thousands.
const IDS: usize = 40;
const LISTS: usize = 5;

/// What all of it may take.
const LIMIT: Duration = Duration::from_secs(5);

/// By machine id, as far as it can be read in time.
pub(crate) async fn last_reports(
    client: &Client,
    machines: impl Iterator<Item = &MachineId>,
) -> HashMap<String, Timestamp> {
    let mut machines: Vec<&MachineId> = machines.collect();
    machines.sort();
    machines.dedup();
    machines.truncate(IDS * LISTS);
    let mut reports = HashMap::new();
    let read = async {
        for ids in machines.chunks(IDS) {
            let Some(filter) = Filter::one_of("id", ids.iter().copied()) else { continue };
            let mut list = client.machines().list(filter);
            while let Some(Ok(machine)) = list.next().await {
                if let Some(seen) = machine.last_seen {
                    reports.insert(machine.id.as_str().to_owned(), seen);
                }
            }
        }
    };
    // What wasn't read in time isn't told.
    let _ = tokio::time::timeout(LIMIT, read).await;
    reports
}
