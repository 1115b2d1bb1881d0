# Every setting of both programs as Markdown: config_markdown.sh AGENT AGGREGATOR > docs/config.md
set -e
"$1" --print-config=markdown
echo
"$2" --print-config=markdown
