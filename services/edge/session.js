// Viewer request of MLflow's pages: the session cookie becomes a bearer token, whoever has none is led to the login.
// Whoever came by another name is led to the first one before.
//
// It does not verify the token: the API's JWT authorizer does, and refuses a forged one. It reads the expiry only so
// that people log in again instead of meeting a 401. A CloudFront Function has no module system, no network and
// 10 KB (Amazon CloudFront developer guide, "Restrictions on CloudFront Functions").

// The pages' first name of their own, put in at deployment; empty where they have none.
const HOST = '@HOST@';
const SESSION = '__Host-mlplatform-session';
const JWT = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/;

function handler(event) {
  const request = event.request;
  // The login comes back to the first name alone, and its cookies are that name's.
  if (HOST && request.headers['host'].value !== HOST) {
    return toFirstName(request);
  }
  if (request.uri.indexOf('/auth/') === 0) {
    return request;
  }
  const token = liveToken(request.cookies[SESSION]);
  if (!token) {
    return isNavigation(request) ? toLogin(request) : unauthorized();
  }
  request.headers['authorization'] = { value: 'Bearer ' + token };
  delete request.cookies[SESSION];
  // MLflow knows itself by the API's host and blocks other origins; its own pages are not one, all others stay so.
  const origin = request.headers['origin'];
  if (origin && !origin.multiValue && origin.value === 'https://' + request.headers['host'].value) {
    delete request.headers['origin'];
  }
  return request;
}

// A browser sends a cookie with the prefix __Host- once; of several none is to be trusted.
function liveToken(cookie) {
  if (!cookie || cookie.multiValue) {
    return null;
  }
  const parts = JWT.exec(cookie.value);
  if (!parts) {
    return null;
  }
  try {
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString('utf8'));
    return typeof claims.exp === 'number' && claims.exp * 1000 > Date.now() ? cookie.value : null;
  } catch (error) {
    return null;
  }
}

function isNavigation(request) {
  const accept = request.headers['accept'];
  return request.method === 'GET' && Boolean(accept) && accept.value.indexOf('text/html') !== -1;
}

function toFirstName(request) {
  const headers = { location: { value: 'https://' + HOST + address(request) } };
  const reads = request.method === 'GET' || request.method === 'HEAD';
  return reads ? answer(302, 'Found', headers) : answer(307, 'Temporary Redirect', headers);
}

function toLogin(request) {
  const location = '/auth/login?return=' + encodeURIComponent(address(request));
  return answer(302, 'Found', { location: { value: location } });
}

function unauthorized() {
  const refusal = answer(401, 'Unauthorized', {
    'content-type': { value: 'application/json' },
    'www-authenticate': { value: 'Bearer' },
  });
  refusal.body = {
    encoding: 'text',
    data: JSON.stringify({ error_code: 'UNAUTHENTICATED', message: 'Your session has ended; reload the page.' }),
  };
  return refusal;
}

// Path and query of this host: with one slash at its beginning, since // or /\ would name another host.
function address(request) {
  const pairs = [];
  Object.keys(request.querystring).forEach(function (name) {
    const entry = request.querystring[name];
    (entry.multiValue || [entry]).forEach(function (one) {
      pairs.push(one.value === '' ? name : name + '=' + one.value);
    });
  });
  return '/' + request.uri.replace(/^[/\\]+/, '') + (pairs.length ? '?' + pairs.join('&') : '');
}

function answer(status, description, headers) {
  headers['cache-control'] = { value: 'no-store' };
  return { statusCode: status, statusDescription: description, headers: headers };
}
