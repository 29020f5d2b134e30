//! What an input file says about its own tests, in its first comment.

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

/// The text of the first comment, if it stands before the first element.
fn first_comment(text: &str) -> Option<&str> {
    let (before, rest) = text.split_once("<!--")?;
    let before = before.trim();
    let is_declaration = before.starts_with("<?xml") && before.ends_with("?>") && before.matches('<').count() == 1;
    (before.is_empty() || is_declaration).then(|| rest.split_once("-->").map(|(comment, _)| comment)).flatten()
}

/// The commands in the lines `virtc: …` of the first comment; empty when there are none.
pub fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in first_comment(text).unwrap_or_default().lines() {
        let Some(words) = line.trim().strip_prefix("virtc:") else { continue };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, String)> {
        runs(text).into_iter().map(|run| (run.word, run.args.join(" "))).collect()
    }

    #[test]
    fn a_line_is_a_command() {
        let text = "<?xml version='1.0'?>\n<!-- virtc: check -->\n<domain/>";
        assert_eq!(words(text), [("check".into(), "check {file}".into())]);
    }

    #[test]
    fn several_lines_have_their_own_goldens() {
        let text = "<!--\n  About this case.\n  virtc: compile --emit argv\n  virtc: check\n  virtc: check --format json\n\
            virtc: hotplug attach --domain d.xml {file} --emit qmp\n-->\n<domain/>";
        let expected = [
            ("argv", "compile --emit argv {file}"),
            ("check", "check {file}"),
            ("check.2", "check --format json {file}"),
            ("qmp", "hotplug attach --domain d.xml {file} --emit qmp"),
        ];
        assert_eq!(words(text), expected.map(|(word, args)| (word.to_owned(), args.to_owned())));
    }

    #[test]
    fn only_the_first_comment_counts() {
        for text in
            ["<domain><!-- virtc: check --></domain>", "<!-- a --><!-- virtc: check --><d/>", "", "<!-- virtc: a"]
        {
            assert_eq!(words(text), [], "{text}");
        }
    }
}
