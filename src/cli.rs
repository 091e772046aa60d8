//! What the flags of both programs share.

use clap::{Command, ValueEnum};
use clap_complete::Shell;

/// What is installed beside a program, and made from its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// A manual page, for man(1).
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

impl Generate {
    /// The file for the program whose flags `command` has.
    pub fn file(self, mut command: Command) -> Vec<u8> {
        let mut file = Vec::new();
        let shell = match self {
            Generate::Bash => Shell::Bash,
            Generate::Zsh => Shell::Zsh,
            Generate::Fish => Shell::Fish,
            Generate::Man => {
                let page = clap_mangen::Man::new(command);
                page.render(&mut file).expect("memory takes all");
                return file;
            }
        };
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut file);
        file
    }
}
