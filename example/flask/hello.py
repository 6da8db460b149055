"""An application of Flask: greets, and counts the words of what it is sent."""

from collections import Counter

from flask import Flask, Response, jsonify, render_template_string, request

app = Flask(__name__)


@app.get("/")
def greet() -> str:
    """Return a page that greets whom the query names."""
    return render_template_string("<h1>Hello, {{ name }}!</h1>", name=request.args.get("name", "bundle"))


@app.post("/words")
def words() -> Response:
    """Return how often each word occurs."""
    return jsonify(Counter(request.get_data(as_text=True).split()))
