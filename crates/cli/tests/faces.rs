//! A setting is spelled as the face that was used spells it, and everything printed fits where it is read.

use std::collections::HashSet;

use leanset_lab::Plan;
use leanset_problem::setting::SETTINGS;

use crate::common::{Place, TABLE};

/// Every long flag of a command and of those below it.
fn flags(command: &clap::Command, found: &mut HashSet<String>) {
    found.extend(command.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")));
    command.get_subcommands().for_each(|verb| flags(verb, found));
}

#[test]
fn setting_flags_are_those_of_the_command_line() {
    let mut there = HashSet::new();
    flags(&leanset_cli::command(), &mut there);
    let lost: Vec<&str> = SETTINGS.iter().map(|setting| setting.flag).filter(|flag| !there.contains(*flag)).collect();
    assert!(lost.is_empty(), "texts name flags that there are not: {lost:?}");
}

#[test]
fn setting_keys_are_those_of_plans() {
    let table = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[split]\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n[model]\n[energy]\n";
    let images = "title = \"t\"\n[images]\npath = \"d\"\n[features]\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"srs\"\n[energy]\n[detector]\ncommand = [\"t\"]\nresults = \"r\"\nepochs = 1\nbatch = 1\n";
    for key in SETTINGS.iter().filter_map(|setting| setting.plan) {
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let plan = if matches!(section, "images" | "features") { images } else { table };
        // A value of a type that no key has: what is wrong is told, and must not be the key.
        let line = format!("{name} = 1979-05-27");
        let head = match section {
            "" => String::new(),
            "method" => "[[method]]\n".to_owned(),
            section => format!("[{section}]\n"),
        };
        let text = match head.as_str() {
            "" => format!(
                "{line}\n{}",
                plan.replace("title = \"t\"\n", if name == "title" { "" } else { "title = \"t\"\n" })
            ),
            head => plan.replacen(head, &format!("{head}{line}\n"), 1),
        };
        let error = Plan::parse(&text, "t.toml").expect_err("a date is no value").to_string();
        assert!(!error.contains("unknown field"), "{key}: {error}");
    }
}

#[test]
fn hints_are_flags_on_the_command_line_and_keys_in_a_plan() {
    let place = Place::with("t.csv", TABLE.replace("3.5,9.0", "3.5,"));
    let refused = place.refuses("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv");
    assert!(refused.contains("--missing mean"), "{refused}");
    let plan = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.5]\n[[method]]\nname = \"mms\"\n";
    place.write("plan.toml", plan);
    let refused = place.refuses("experiment plan.toml --output runs.jsonl");
    assert!(refused.contains("data.missing = \"mean\"") && !refused.contains("--missing"), "{refused}");
    // A wrong sheet, a label that is not there, a method without classes.
    for (more, said) in [("sheet = \"s\"", "data.sheet"), ("delimiter = \";\"", "data.")] {
        place.write("plan.toml", plan.replace("label =", &format!("{more}\nlabel =")));
        let refused = place.refuses("experiment plan.toml --output runs.jsonl");
        assert!(refused.contains(said) && !refused.contains("--sheet"), "{refused}");
    }
}

#[test]
fn short_help_fits_one_screen() {
    let place = Place::new();
    for verb in ["reduce", "rank", "measure", "images reduce", "experiment"] {
        let help = place.ok(&format!("{verb} -h"));
        assert!(help.lines().count() <= 45, "{verb} -h has {} lines:\n{help}", help.lines().count());
        assert!(help.contains("Example"), "{verb}: {help}");
    }
    assert!(place.ok("help reduce").contains("--scale"), "help VERB has everything");
}

#[test]
fn everything_printed_fits_80_columns() {
    let place = Place::with_table();
    place.ok("rank t.csv --label kind --method mms --output ranking.csv --quiet");
    place.ok("reduce t.csv --label kind --method mms --ratio 0.5 --output lean.csv --quiet");
    let plan = "title = \"t\"\n[data]\npath = \"t.csv\"\nlabel = \"kind\"\n[reduce]\nratios = [0.05, 0.5]\n[[method]]\nname = \"srs\"\n";
    place.write("plan.toml", plan);
    for arguments in [
        "methods",
        "measure t.csv lean.csv --label kind --per-class --persistence",
        "measure t.csv --ranking ranking.csv --label kind --ratio 0.5 --per-class",
        "reduce t.csv --label kind --method mms --ratio 0.5 --dry-run",
        "reduce t.csv --label kind --method mms --ratio 0.5 --output again.csv --verbose",
        "experiment plan.toml --dry-run",
    ] {
        let output = place.command(arguments).env("COLUMNS", "80").output().expect("the binary runs");
        for line in String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).lines() {
            // A word that is longer, such as a path, cannot be broken.
            let breakable = line.trim().contains(' ');
            assert!(line.chars().count() <= 80 || !breakable, "{arguments}: {line}");
        }
    }
}

#[test]
fn ratio_is_a_fraction_or_a_percentage() {
    let place = Place::with_table();
    place.ok("reduce t.csv --label kind --method mms --ratio 40% --output a.csv --quiet");
    place.ok("reduce t.csv --label kind --method mms --ratio 0.4 --output b.csv --quiet");
    assert_eq!(place.text("a.csv"), place.text("b.csv"));
}

#[test]
fn completions_know_methods_columns_and_countries() {
    let place = Place::with_table();
    let candidates = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = place.command("");
        command.args(["--"]).args(&words);
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
        command.env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_COMPLETE_SPACE", "true");
        let output = command.output().expect("the binary runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let methods = candidates("leanset reduce t.csv --method max");
    assert!(methods.contains("maxmin"), "{methods}");
    let columns = candidates("leanset reduce t.csv --label k");
    assert!(columns.contains("kind") && !columns.contains("a\n"), "{columns}");
    let listed = candidates("leanset reduce t.csv --features a,");
    assert!(listed.contains("a,b"), "{listed}");
    let countries = candidates("leanset energy --country ES");
    assert!(countries.contains("ESP"), "{countries}");
}
