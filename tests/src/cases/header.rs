//! What an input file says about its own tests: processing instructions before its first element.
//!
//! Options begin with `--`, which no XML comment may hold; a processing instruction may.

/// Stands for the input file in a command; a command without it gets the file at its end.
pub const FILE: &str = "{file}";

/// One command of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The arguments for virtc, the input file among them as [`FILE`].
    pub args: Vec<String>,
    /// The word in the golden's name: the value of `--emit`, or the subcommand; with a number from the second one on.
    pub word: String,
}

/// The commands in the processing instructions `<?virtc …?>` before the first element; empty when there are none.
pub fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rest = text.trim_start();
    while let Some((kind, body, behind)) = prolog(rest) {
        rest = behind.trim_start();
        let Some(words) = body.strip_prefix("virtc ").filter(|_| kind == "<?") else { continue };
        let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let after_emit = args.iter().skip_while(|word| *word != "--emit").nth(1);
        let base = after_emit.or(args.first()).cloned().unwrap_or_default();
        let same = runs.iter().filter(|run| run.word == base || run.word.starts_with(&format!("{base}."))).count();
        let word = if same == 0 { base } else { format!("{base}.{}", same + 1) };
        if !args.iter().any(|arg| arg == FILE) {
            args.push(FILE.to_owned());
        }
        runs.push(Run { args, word });
    }
    runs
}

/// The comment or processing instruction that `text` begins with: its mark, its content, and what comes after it.
fn prolog(text: &str) -> Option<(&'static str, &str, &str)> {
    [("<?", "?>"), ("<!--", "-->")].into_iter().find_map(|(open, close)| {
        let (body, behind) = text.strip_prefix(open)?.split_once(close)?;
        Some((open, body, behind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, String)> {
        runs(text).into_iter().map(|run| (run.word, run.args.join(" "))).collect()
    }

    #[test]
    fn an_instruction_is_a_command() {
        let text = "<?xml version='1.0'?>\n<!-- About it. -->\n<?virtc check?>\n<domain/>";
        assert_eq!(words(text), [("check".into(), "check {file}".into())]);
    }

    #[test]
    fn several_commands_have_their_own_goldens() {
        let text = "<?virtc compile --emit argv?>\n<?virtc check?><?virtc check --format json?>\n\
            <?virtc hotplug attach --domain d.xml {file} --emit qmp?>\n<domain/>";
        let expected = [
            ("argv", "compile --emit argv {file}"),
            ("check", "check {file}"),
            ("check.2", "check --format json {file}"),
            ("qmp", "hotplug attach --domain d.xml {file} --emit qmp"),
        ];
        assert_eq!(words(text), expected.map(|(word, args)| (word.to_owned(), args.to_owned())));
    }

    #[test]
    fn only_what_stands_first_counts() {
        for text in
            ["<domain><?virtc check?></domain>", "<!-- virtc: check --><d/>", "", "<?virtc a", "<?other check?><d/>"]
        {
            assert_eq!(words(text), [], "{text}");
        }
    }
}
