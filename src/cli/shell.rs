//! What does a shell want to know of polyfuse? Completions and manual pages, made from the arguments themselves.

use clap::CommandFactory;

use super::Stop;
use super::arguments::{Arguments, Completions, Man};
use super::output::{self, Result as Written};

pub fn completions(completions: &Completions) -> Result<(), Stop> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "polyfuse", &mut script);
    print(script)
}

pub fn man(man: &Man) -> Result<(), Stop> {
    let mut command = Arguments::command();
    command.build();
    let page = match &man.command {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone().display_name(format!("polyfuse-{name}")),
            None => return Err(Stop::Usage(format!("no command `{name}`; `polyfuse --help` lists them"))),
        },
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|e| Stop::Fault { what: e.to_string(), details: String::new() })?;
    print(roff)
}

fn print(text: Vec<u8>) -> Result<(), Stop> {
    output::write(vec![Written { file: None, text: String::from_utf8_lossy(&text).into_owned() }])
}
