// Viewer request of the page's `/api/*`: the REST API has its paths at its root.

function handler(event) {
  const request = event.request;
  request.uri = request.uri.slice('/api'.length);
  return request;
}
