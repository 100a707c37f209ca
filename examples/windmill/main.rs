//! The script for Windmill beside this file, called as Windmill calls it: on the emulator inside this program.
//!
//! ```text
//! cargo run --example windmill
//! ```

use defender_response::emulator::Emulator;

#[path = "script.rs"]
mod script;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let emulator = Emulator::builder().settle(std::time::Duration::from_millis(300)).build();
    let listening = runtime.block_on(emulator.listen("127.0.0.1:0".parse()?))?;
    let machine = emulator.machines().into_iter().next().ok_or("the emulator has no machine")?;
    let outcome = script::main(
        emulator.tenant_id().to_owned(),
        emulator.client_id().to_owned(),
        emulator.client_secret().to_owned(),
        listening.base_url(),
        machine.id.clone(),
        "INC-4711: beaconing".to_owned(),
        Some("example".to_owned()),
        false,
        true,
        60,
    );
    println!("{}", serde_json::to_string_pretty(&outcome?)?);
    Ok(())
}
