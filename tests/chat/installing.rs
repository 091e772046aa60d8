//! What is installed beside the programs, and made from their flags.

use std::fs;
use std::process::Command;

use crate::support::{Process, skip};

const PROGRAMS: [(&str, &str); 2] = [
    ("chat-server", env!("CARGO_BIN_EXE_chat-server")),
    ("chat-client", env!("CARGO_BIN_EXE_chat-client")),
];

/// What `command` writes before it ends well.
#[track_caller]
fn output(command: &mut Command) -> String {
    let mut process = Process::spawn(command);
    assert_eq!(process.last_words(0), "", "nothing to complain of");
    process.stdout.so_far()
}

#[track_caller]
fn generate(path: &str, what: &str) -> String {
    output(Command::new(path).args(["--generate", what]))
}

/// The flags that `--help` tells of.
fn flags(path: &str) -> Vec<String> {
    let help = output(Command::new(path).arg("--help"));
    let words = help.split([' ', '\n', ',']);
    let flags = words.filter(|word| word.len() > 2 && word.starts_with("--"));
    flags.map(str::to_owned).collect()
}

#[test]
fn every_flag_is_in_the_manual_page_and_in_the_completions_of_each_shell() {
    for (name, path) in PROGRAMS {
        let flags = flags(path);
        assert!(flags.len() > 7, "{flags:?}");
        let hidden = "--generate".to_owned();
        assert!(!flags.contains(&hidden), "not for everybody: {flags:?}");
        for what in ["man", "bash", "zsh", "fish"] {
            let file = generate(path, what).replace('\\', "");
            assert!(file.contains(name), "{what} of {name}: {file}");
            for flag in &flags {
                // fish names them without their hyphens.
                let flag = if what == "fish" { &flag[2..] } else { flag };
                assert!(file.contains(flag), "{flag} in {what} of {name}: {file}");
            }
        }
    }
}

#[test]
fn every_flag_of_the_server_has_its_twin_in_the_environment() {
    let (_, path) = PROGRAMS[0];
    let page = generate(path, "man").replace('\\', "");
    let of_program = |flag: &String| !["--help", "--version"].contains(&flag.as_str());
    for flag in flags(path).iter().filter(|flag| of_program(flag)) {
        let twin = format!("CHAT_{}", flag[2..].replace('-', "_").to_uppercase());
        assert!(page.contains(&twin), "{twin} for {flag}: {page}");
    }
}

#[test]
fn a_shell_completes_flags_and_their_values() {
    let (name, path) = PROGRAMS[1];
    for (typed, expected) in [("--us", "--username"), ("--lang p", "pt")] {
        let words = format!("{name} {typed}");
        let script = format!(
            "source <(\"$0\" --generate bash); COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); read -ra told <<<$(complete -p {name}); \
             for at in \"${{!told[@]}}\"; do [ ${{told[at]}} = -F ] && does=${{told[at + 1]}}; done; \
             $does {name} \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let completed = output(Command::new("bash").args(["-c", &script, path]));
        assert_eq!(completed.trim(), expected, "{typed:?} (left: came)");
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = fs::read_to_string("dist/chat-server.service").unwrap();
    let here = unit.replace("/usr/local/bin/chat-server", PROGRAMS[0].1);
    assert_ne!(unit, here, "it says where the program is");
    let folder = std::env::temp_dir().join(format!("chat-unit-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("chat-server.service");
    fs::write(&file, here).unwrap();
    let verified = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&file)
        .output();
    fs::remove_dir_all(&folder).unwrap();
    match verified {
        Err(_) => skip("no systemd-analyze"),
        Ok(output) => assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
